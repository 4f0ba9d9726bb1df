package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/jsonlines"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const (
	exportPage    = 1000
	exportStretch = 24 * time.Hour  // before the slot, where none fired before it
	exportWait    = 2 * time.Second // until what began before the slot is over
)

// exportArguments are those of an EXPORT task.
type exportArguments struct {
	What string `json:"what"` // ORDERS or TASK_RESULTS
	Run  struct {
		Slot     *time.Time `json:"slot"`
		Previous *time.Time `json:"previousSlot"`
	} `json:"run"`
}

// Export returns the handler of EXPORT tasks: it writes what an account's orders were created, or runs finished, since the
// slot before until the slot, to a file below folder; "": nowhere. The same slot makes the same file.
func Export(st *store.Store, folder string) Handler {
	e := exporter{store: st, folder: folder}
	return Each(e.run)
}

type exporter struct {
	store  *store.Store
	folder string
}

func (e exporter) run(ctx context.Context, t task.Task) (json.RawMessage, error) {
	var arguments exportArguments
	if err := json.Unmarshal(t.Arguments, &arguments); err != nil {
		return nil, &FailedError{Class: task.ErrorInput, Final: true, Err: fmt.Errorf("read arguments: %w", err)}
	}
	var rows func(context.Context, uuid.UUID, span, func(any) error) error
	switch arguments.What {
	case "ORDERS":
		rows = e.orders
	case "TASK_RESULTS":
		rows = e.results
	default:
		return nil, &FailedError{Class: task.ErrorInput, Final: true, Err: fmt.Errorf("%w: %q", errWhat, arguments.What)}
	}
	if e.folder == "" {
		return nil, errNoArchive()
	}
	within, err := e.span(ctx, &arguments, &t)
	if err != nil {
		return nil, err
	}
	bound, _, err := e.store.RollupBound(ctx)
	if err != nil {
		return nil, err
	}
	if bound.Before(within.until) {
		return nil, &LaterError{After: exportWait, Reason: "what began before the slot may not be over", Free: true}
	}
	name := fmt.Sprintf("%s-%s-%s-%s.jsonl.gz", strings.ToLower(strings.ReplaceAll(arguments.What, "_", "-")), t.AccountID,
		stamp(within.from), stamp(within.until))
	path := filepath.Join(e.folder, "exports", name)
	count, err := jsonlines.Write(path, func(row func(any) error) error { return rows(ctx, t.AccountID, within, row) })
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	return answer(map[string]any{"file": filepath.Join("exports", name), "rows": count})
}

// span is a stretch of time, but for its end.
type span struct{ from, until time.Time }

func (e exporter) span(ctx context.Context, arguments *exportArguments, t *task.Task) (within span, err error) {
	within.until = t.EnqueuedAt
	if arguments.Run.Slot != nil {
		within.until = *arguments.Run.Slot
	}
	within.from = within.until.Add(-exportStretch)
	switch {
	case arguments.Run.Previous != nil:
		within.from = *arguments.Run.Previous
	case t.ScheduleID != nil:
		before, err := e.store.SlotBefore(ctx, *t.ScheduleID, within.until)
		if err == nil {
			within.from = before
		} else if !errors.Is(err, order.ErrNotFound) {
			return within, err
		}
	}
	return within, nil
}

func stamp(at time.Time) string { return at.UTC().Format("20060102T150405.000000Z") }

func (e exporter) orders(ctx context.Context, accountID uuid.UUID, within span, row func(any) error) error {
	filter := store.OrderFilter{CreatedAfter: &within.from, CreatedBefore: &within.until}
	return pages(func(page store.Page) (store.Slice[*order.Order], error) {
		return e.store.OrderList(ctx, accountID, filter, store.Sort{Field: store.ByCreated}, page)
	}, func(o *order.Order) error { return row(recordOfOrder(o)) })
}

func (e exporter) results(ctx context.Context, accountID uuid.UUID, within span, row func(any) error) error {
	filter := store.TaskFilter{FinishedAfter: &within.from, FinishedBefore: &within.until}
	return pages(func(page store.Page) (store.Slice[*task.Task], error) {
		return e.store.TaskList(ctx, accountID, filter, store.Sort{Field: store.ByFinished}, page)
	}, func(t *task.Task) error { return row(recordOfTask(t)) })
}

// pages reads a whole list, a page at a time.
func pages[T any](read func(store.Page) (store.Slice[T], error), each func(T) error) error {
	for page := (store.Page{Size: exportPage}); ; {
		slice, err := read(page)
		if err != nil {
			return err
		}
		for _, item := range slice.Items {
			if err := each(item); err != nil {
				return err
			}
		}
		if !slice.More {
			return nil
		}
		page.After = slice.Keys[len(slice.Keys)-1]
	}
}
