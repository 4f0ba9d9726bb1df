package task

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Step is a length of the stretches of time that counts are kept for.
type Step struct {
	Length time.Duration
	Keep   time.Duration // how long such stretches are kept
	Most   int           // how many of them are made at a time
}

// Steps lists the steps. The first is made from the record of runs, each other one from the one before, whose length its
// own is a multiple of.
func Steps() []Step {
	const day = 24 * time.Hour
	return []Step{
		{10 * time.Second, 2 * time.Hour, 360}, {time.Minute, 3 * day, 60}, {time.Hour, 100 * day, 24}, {day, 1000 * day, 30},
	}
}

// RollupKey says which tasks a rollup counts.
type RollupKey struct {
	AccountID  uuid.UUID
	BeganAt    time.Time // of the stretch; in UTC
	Queue      Queue
	Kind       Kind
	ProviderID uuid.UUID  // zero: none
	State      State      // in which they ended; "": they came in
	ErrorClass ErrorClass // "": they met no failure
}

// Rollup counts tasks of one sort that came in, or were finished, in a stretch of time.
type Rollup struct {
	RollupKey

	Count   int64
	Waiting []int32 // pairs of a Histogram
	Running []int32
}

// Window is a stretch of time that statistics are about, until now, in equal parts.
type Window struct {
	Part  time.Duration
	Parts int
}

// Bounds returns the window's bounds, where all is known until a time: the last part may not be over yet.
func (w Window) Bounds(known time.Time) (from, until time.Time) {
	end := known.UTC().Truncate(w.Part)
	if end.Before(known) {
		end = end.Add(w.Part)
	}
	return end.Add(-time.Duration(w.Parts) * w.Part), known.UTC()
}

// Piece is a stretch of time that rollups of a step cover.
type Piece struct {
	Step        Step
	From, Until time.Time
}

// Pieces covers a window by few rollups: of the longest step for which they are made, but for its end. marks tells until
// when they are made, by step.
func (w Window) Pieces(marks []time.Time) []Piece {
	from, _ := w.Bounds(marks[0])
	var pieces []Piece
	for i, step := range slices.Backward(Steps()) {
		if end := marks[i]; step.Length <= w.Part && end.After(from) {
			pieces = append(pieces, Piece{step, from, end})
			from = end
		}
	}
	return pieces
}
