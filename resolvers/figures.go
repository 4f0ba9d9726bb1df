package resolvers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// windowOf is how a window is cut into parts.
func windowOf(window graph.StatisticsWindow) (task.Window, bool) {
	const day = 24 * time.Hour
	cut, known := map[graph.StatisticsWindow]task.Window{
		graph.StatisticsWindowMinute1:   {Part: 10 * time.Second, Parts: 6},
		graph.StatisticsWindowMinutes5:  {Part: 10 * time.Second, Parts: 30},
		graph.StatisticsWindowMinutes15: {Part: 30 * time.Second, Parts: 30},
		graph.StatisticsWindowHour1:     {Part: time.Minute, Parts: 60},
		graph.StatisticsWindowHours6:    {Part: 6 * time.Minute, Parts: 60},
		graph.StatisticsWindowDay1:      {Part: time.Hour, Parts: 24},
		graph.StatisticsWindowDays7:     {Part: 3 * time.Hour, Parts: 56},
		graph.StatisticsWindowDays30:    {Part: day, Parts: 30},
	}[window]
	return cut, known
}

// figuresKey names statistics that stay as they are: of what was counted until a time.
type figuresKey struct {
	accountID uuid.UUID
	window    graph.StatisticsWindow
	until     time.Time
}

// figuresKept is how much of what was read is kept for others who ask. Each is asked for until there is more to count,
// which is after ten seconds.
const figuresKept = 200

func newFigures() *otter.Cache[figuresKey, *graph.TaskStatistics] {
	return otter.Must(&otter.Options[figuresKey, *graph.TaskStatistics]{MaximumSize: figuresKept})
}

// Tasks tells what the account's tasks came to over a window.
func (f statisticsFields) Tasks(
	ctx context.Context, statistics *graph.Statistics, window graph.StatisticsWindow,
) (*graph.TaskStatistics, error) {
	cut, known := windowOf(window)
	if !known {
		return nil, refuse(codeBadUserInput, "there is no such window")
	}
	marks, err := f.options.Store.RollupMarks(ctx)
	if err != nil {
		return nil, err
	}
	key := figuresKey{statistics.AccountID, window, marks[0]}
	found, err := f.figures.Get(ctx, key, otter.LoaderFunc[figuresKey, *graph.TaskStatistics](
		func(ctx context.Context, key figuresKey) (*graph.TaskStatistics, error) {
			// Not ended by ctx: others may wait for it.
			counted, err := f.options.Store.TaskStatistics(context.WithoutCancel(ctx), key.accountID, cut, marks)
			if err != nil {
				return nil, err
			}
			return shownStatistics(counted), nil
		}))
	if err != nil {
		return nil, fmt.Errorf("statistics of tasks: %w", err)
	}
	return found, nil
}

func shownStatistics(s *task.Statistics) *graph.TaskStatistics {
	span := s.Until.Sub(s.From)
	shown := &graph.TaskStatistics{
		From: s.From, Until: s.Until, Total: shownFigures(&s.Total, span),
		Queues: shownParts(s.Queues, func(queue task.Queue, figures *task.Figures) *graph.QueueFigures {
			return &graph.QueueFigures{Queue: string(queue), Figures: shownFigures(figures, span)}
		}),
		Kinds: shownParts(s.Kinds, func(kind task.Kind, figures *task.Figures) *graph.KindFigures {
			return &graph.KindFigures{Kind: kind, Figures: shownFigures(figures, span)}
		}),
		Providers: shownParts(s.Providers, func(id uuid.UUID, figures *task.Figures) *graph.ProviderFigures {
			return &graph.ProviderFigures{ProviderID: id, Figures: shownFigures(figures, span)}
		}),
		Points: make([]*graph.TaskPoint, len(s.Points)),
	}
	for i := range s.Points {
		p := &s.Points[i]
		shown.Points[i] = &graph.TaskPoint{
			At: s.From.Add(time.Duration(i) * s.Part), Enqueued: int(p.Enqueued), Finished: int(p.Finished), Failed: int(p.Failed),
			WaitingTimeP90: percentile(&p.Waiting, 0.9), DurationP90: percentile(&p.Running, 0.9),
		}
	}
	return shown
}

// shownParts lists figures: those of the most tasks first.
func shownParts[K comparable, T any](parts map[K]*task.Figures, show func(K, *task.Figures) *T) []*T {
	keys := slices.SortedFunc(maps.Keys(parts), func(a, b K) int {
		x, y := parts[a], parts[b]
		return cmp.Or(cmp.Compare(y.Finished, x.Finished), cmp.Compare(y.Enqueued, x.Enqueued),
			cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	shown := make([]*T, len(keys))
	for i, key := range keys {
		shown[i] = show(key, parts[key])
	}
	return shown
}

func shownFigures(f *task.Figures, span time.Duration) *graph.TaskFigures {
	failures := make(map[task.ErrorClass]int, len(f.Failures))
	for class, count := range f.Failures {
		failures[class] = int(count)
	}
	return &graph.TaskFigures{
		Enqueued: int(f.Enqueued), Finished: int(f.Finished), Succeeded: int(f.Succeeded), Failed: int(f.Failed),
		Revoked: int(f.Revoked), FinishedPerSecond: float64(f.Finished) / max(span.Seconds(), 1),
		WaitingTime: shownPercentiles(&f.Waiting), Duration: shownPercentiles(&f.Running),
		Failures: shownCounts(failures, func(class task.ErrorClass, count int) *graph.TaskErrorClassCount {
			return &graph.TaskErrorClassCount{Class: class, Count: count}
		}),
	}
}

// shownPercentiles is nil where nothing was counted.
func shownPercentiles(h *task.Histogram) *graph.Percentiles {
	p50 := percentile(h, 0.5)
	if p50 == nil {
		return nil
	}
	return &graph.Percentiles{P50: *p50, P90: *percentile(h, 0.9), P99: *percentile(h, 0.99), Max: *percentile(h, 1)}
}

func percentile(h *task.Histogram, part float64) *time.Duration {
	length, ok := h.Percentile(part)
	if !ok {
		return nil
	}
	return &length
}

// Provider returns the provider that figures are about.
func (f figuresFields) Provider(ctx context.Context, figures *graph.ProviderFigures) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, l.providers, figures.ProviderID)
}
