package live

import (
	"context"
	"errors"
	"time"

	"github.com/boostress/boostress/internal/feed"
)

// errMoved says that the feed's history is not the one that was read so far.
var errMoved = errors.New("the feed's epoch changed")

// follow moves the feed: by what Redis brings and, where it brings nothing, by looking into Postgres.
func (h *Hub) follow(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	troubled := false
	for {
		var (
			pause = h.options.Check
			err   error
		)
		select {
		case <-ctx.Done():
			return
		case <-h.kick:
			pause = h.options.Poll
		case text := <-h.messages:
			if !h.following() {
				continue
			}
			err = h.receive(ctx, text)
		case <-timer.C:
			pause, err = h.look(ctx)
		}
		if err != nil && ctx.Err() == nil && !troubled {
			h.log.WarnContext(ctx, "live feed can't be read", "error", err)
		}
		troubled = err != nil
		timer.Reset(pause)
	}
}

func (h *Hub) following() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.active
}

// look compares the hub with Postgres, fills what it lacks, and returns when to look again.
func (h *Hub) look(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	if err := h.enter(ctx); err != nil {
		return h.options.Check, err
	}
	defer h.leave()
	if h.rest() {
		head, err := h.history.FeedHead(ctx)
		if err == nil {
			h.begin(head)
		}
		return h.options.Check, err
	}
	found, err := h.fill(ctx)
	if err == nil && found == 0 {
		err = h.compare(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down || found > 0 { // what we found nobody had brought
		return h.options.Poll, err
	}
	return h.options.Check, err
}

// rest reports whether nobody follows the feed, and has not for a while.
func (h *Hub) rest() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.readers.open) > 0 {
		h.needed = time.Now()
	}
	if time.Since(h.needed) > h.options.Linger {
		h.active = false
	}
	return !h.active
}

// wake makes the hub follow the feed from now on, unless it does.
func (h *Hub) wake(ctx context.Context) error {
	if err := h.enter(ctx); err != nil {
		return err
	}
	defer h.leave()
	if h.following() { // somebody else woke it meanwhile
		return nil
	}
	head, err := h.history.FeedHead(ctx)
	if err != nil {
		return err
	}
	h.begin(head)
	h.mu.Lock()
	h.active, h.needed = true, time.Now()
	h.mu.Unlock()
	signal(h.kick)
	signal(h.wanting)
	return nil
}

// enter waits until nobody else moves the feed.
func (h *Hub) enter(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case h.step <- struct{}{}:
		return nil
	}
}

func (h *Hub) leave() { <-h.step }

// begin goes to where the feed stands. Subscriptions to another history than that end.
func (h *Hub) begin(head feed.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch != "" && h.epoch != head.Epoch {
		for s := range h.readers.open {
			s.queue.fail(ErrCursorExpired)
		}
	}
	h.epoch, h.position = head.Epoch, at(head.Snapshot)
	h.ring.reset(head.Snapshot)
}

// receive takes a batch from Redis. Where it does not follow what the hub has, Postgres fills the gap.
func (h *Hub) receive(ctx context.Context, text string) error {
	b, err := decodeBatch(text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	if err := h.enter(ctx); err != nil {
		return err
	}
	defer h.leave()
	if b.Epoch == h.epoch && h.deliver(b) {
		return nil
	}
	if _, err := h.fill(ctx); err != nil {
		return err
	}
	return h.compare(ctx)
}

// fill reads from Postgres what the hub lacks and returns how many events that were.
func (h *Hub) fill(ctx context.Context) (int, error) {
	found := 0
	if p := h.position; !p.whole() {
		count, err := h.pages(ctx, feed.Window{From: p.from, To: p.to, After: p.id})
		if err != nil {
			return count, h.moved(ctx, err)
		}
		found = count
	}
	from := h.position.from
	records, head, err := h.history.FeedAhead(ctx, from, pageSize)
	if err != nil || len(records) == 0 {
		return found, err
	}
	if head.Epoch != h.epoch {
		h.begin(head)
		return found, nil
	}
	h.metrics.backfills.Inc()
	h.deliver(batch{From: from, To: head.Snapshot, Last: len(records) < pageSize, Records: records})
	found += len(records)
	if len(records) < pageSize {
		return found, nil
	}
	count, err := h.pages(ctx, feed.Window{From: from, To: head.Snapshot, After: records[len(records)-1].ID})
	return found + count, h.moved(ctx, err)
}

// pages reads a window to its end.
func (h *Hub) pages(ctx context.Context, window feed.Window) (count int, err error) {
	for {
		refs, head, err := h.history.FeedRefs(ctx, window, refsSize)
		if err != nil {
			return count, err
		}
		if head.Epoch != h.epoch {
			return count, errMoved
		}
		for begin := 0; begin < len(refs); begin += pageSize {
			page := refs[begin:min(begin+pageSize, len(refs))]
			records, err := h.history.FeedRecords(ctx, page)
			if err != nil {
				return count, err
			}
			h.deliver(batch{From: window.From, To: window.To, After: window.After, Records: records})
			window.After = page[len(page)-1].ID
			count += len(records)
		}
		if len(refs) < refsSize {
			h.deliver(batch{From: window.From, To: window.To, After: window.After, Last: true})
			return count, nil
		}
	}
}

// moved begins anew where an error says so.
func (h *Hub) moved(ctx context.Context, err error) error {
	if errors.Is(err, errMoved) {
		return h.compare(ctx)
	}
	return err
}

// compare begins anew where the feed's epoch is not the hub's.
func (h *Hub) compare(ctx context.Context) error {
	head, err := h.history.FeedHead(ctx)
	if err != nil {
		return err
	}
	if head.Epoch != h.epoch {
		h.begin(head)
	}
	return nil
}

// deliver hands a batch's events to whoever wants them, but for those that came before. It reports false, and does
// nothing, where something is missing before the batch or the hub is in the middle of another window.
func (h *Hub) deliver(b batch) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.position
	if before.reaches(b.end()) {
		return true
	}
	if !before.reaches(b.start()) || !before.whole() && before.to.Compare(b.To) != 0 {
		return false
	}
	end := before.past(b.end())
	now := time.Now()
	for i, record := range b.Records {
		if before.read(record.XID, record.ID) {
			continue
		}
		after := before.past(b.behind(record))
		if b.Last && i == len(b.Records)-1 {
			after = end
		}
		e := newEntry(record, after)
		h.ring.append(e)
		h.readers.each(e, func(s *Subscription) { s.offer(e) })
		h.metrics.lag.Observe(max(0, now.Sub(record.OccurredAt).Seconds()))
	}
	h.position = end
	return true
}
