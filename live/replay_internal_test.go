package live

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/feed"
)

// emptyPast is a history in which nothing is found, and which notes what is looked for.
type emptyPast struct {
	History

	asked []feed.Window
}

func (p *emptyPast) FeedRefs(_ context.Context, window feed.Window, _ int) ([]feed.Ref, feed.Head, error) {
	p.asked = append(p.asked, window)
	return nil, feed.Head{Epoch: testEpoch}, nil
}

// TestReplayNeverGoesBack has a hub in the middle of a window that is longer than its ring, and a reader who has come
// further than that window's begin, but not to its end.
func TestReplayNeverGoesBack(t *testing.T) {
	t.Parallel()
	begin, middle, end := testSnapshot(t, "100:100:"), testSnapshot(t, "150:150:"), testSnapshot(t, "200:200:")
	past := &emptyPast{}
	hub := NewHub(past, nil, Options{Kept: 1})
	hub.epoch, hub.active = testEpoch, true
	hub.position = at(begin)
	hub.ring.reset(begin)
	if !hub.deliver(batch{From: begin, To: end, Records: []feed.Record{{ID: 1, XID: 110}, {ID: 2, XID: 160}}}) {
		t.Fatal("the page was not taken")
	}
	s := &Subscription{
		hub: hub, epoch: testEpoch, filter: Filter{AccountID: uuid.New()}, queue: newQueue[*entry](1), loaded: at(middle),
	}
	s.more = s.replay
	for s.more != nil && len(past.asked) < 10 {
		if err := s.more(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.loaded.from.Compare(end) != 0 || len(past.asked) != 1 {
		t.Errorf("the reader is at %v, after %v", s.loaded, past.asked)
	}
	for _, window := range past.asked {
		if window.From.Compare(middle) != 0 || window.To.Compare(end) != 0 {
			t.Errorf("looked from %v to %v", window.From, window.To)
		}
	}
}
