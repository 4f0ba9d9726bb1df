package task

import (
	"cmp"
	"time"

	"github.com/google/uuid"
)

// Figures are what some tasks came to.
type Figures struct {
	Enqueued  int64
	Finished  int64
	Succeeded int64
	Failed    int64
	Revoked   int64
	Waiting   Histogram // from when a run was due until it began
	Running   Histogram
	Failures  map[ErrorClass]int64
}

// Add counts what a rollup does.
func (f *Figures) Add(r *Rollup) {
	if r.State == "" {
		f.Enqueued += r.Count
		return
	}
	f.Finished += r.Count
	class := r.ErrorClass
	switch r.State {
	case Success:
		f.Succeeded += r.Count
	case Revoked:
		f.Revoked += r.Count
	default:
		f.Failed += r.Count
		class = cmp.Or(class, ErrorInternal)
	}
	if class != "" {
		if f.Failures == nil {
			f.Failures = make(map[ErrorClass]int64)
		}
		f.Failures[class] += r.Count
	}
	f.Waiting.AddPairs(r.Waiting)
	f.Running.AddPairs(r.Running)
}

// Statistics are what tasks came to over a stretch of time.
type Statistics struct {
	From, Until time.Time
	Total       Figures
	Queues      map[Queue]*Figures
	Kinds       map[Kind]*Figures
	Providers   map[uuid.UUID]*Figures
	Part        time.Duration
	Points      []Figures // of the parts of the stretch, from the first
}

// NewStatistics returns those of a window in which nothing was counted yet; all is known until a time.
func NewStatistics(w Window, known time.Time) *Statistics {
	s := &Statistics{
		Queues: make(map[Queue]*Figures), Kinds: make(map[Kind]*Figures), Providers: make(map[uuid.UUID]*Figures),
		Part: w.Part, Points: make([]Figures, w.Parts),
	}
	s.From, s.Until = w.Bounds(known)
	return s
}

// Add counts what a rollup does; those of other times are left out.
func (s *Statistics) Add(r *Rollup) {
	part := int(r.BeganAt.Sub(s.From) / s.Part)
	if r.BeganAt.Before(s.From) || part >= len(s.Points) {
		return
	}
	s.Total.Add(r)
	s.Points[part].Add(r)
	of(s.Queues, r.Queue).Add(r)
	of(s.Kinds, r.Kind).Add(r)
	if r.ProviderID != uuid.Nil {
		of(s.Providers, r.ProviderID).Add(r)
	}
}

func of[K comparable](figures map[K]*Figures, key K) *Figures {
	found := figures[key]
	if found == nil {
		found = new(Figures)
		figures[key] = found
	}
	return found
}
