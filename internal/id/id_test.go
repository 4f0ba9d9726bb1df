package id_test

import (
	"testing"
	"time"

	"github.com/boostress/boostress/internal/id"
)

func TestAtTellsTheTime(t *testing.T) {
	t.Parallel()
	made := time.Date(2031, 2, 3, 4, 5, 6, 7_890_000, time.UTC)
	one, other := id.At(id.Task, made), id.At(id.Task, made)
	for _, got := range []time.Time{time.Unix(one.Time().UnixTime()), time.Unix(other.Time().UnixTime())} {
		if !got.Equal(made.Truncate(time.Millisecond)) {
			t.Errorf("the id tells %s, want %s", got.UTC(), made)
		}
	}
	if id.KindOf(one) != id.Task || one.Version() != 7 || one == other {
		t.Errorf("made %s and %s: want two of version 7 and of kind %d", one, other, id.Task)
	}
}
