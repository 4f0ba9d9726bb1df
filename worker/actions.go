package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// Acting does what schedules do to orders; *scheduling.Service does it.
type Acting interface {
	// CreateOrder makes the order of a task, the same however often it is called.
	CreateOrder(ctx context.Context, t task.Task) (*order.Order, error)
	// ProcessOrder places a draft, or tries again what waits of an order.
	ProcessOrder(ctx context.Context, t task.Task) (fulfillment.Processed, error)
}

// FailedError is the error of a run of whose failure the kind is known. A final one ends the task: another run would come
// to the same.
type FailedError struct {
	Class task.ErrorClass
	Final bool
	Err   error
}

// Error tells what went wrong.
func (f *FailedError) Error() string { return f.Err.Error() }

// Unwrap returns what went wrong.
func (f *FailedError) Unwrap() error { return f.Err }

// CreateOrder returns the handler of CREATE_ORDER tasks.
func CreateOrder(service Acting) Handler {
	return Each(func(ctx context.Context, t task.Task) (json.RawMessage, error) {
		made, err := service.CreateOrder(ctx, t)
		if err != nil {
			return nil, refused("create order", err)
		}
		return answer(map[string]any{"orderId": made.ID})
	})
}

// ProcessOrder returns the handler of PROCESS_ORDER tasks.
func ProcessOrder(service Acting) Handler {
	return Each(func(ctx context.Context, t task.Task) (json.RawMessage, error) {
		done, err := service.ProcessOrder(ctx, t)
		if err != nil {
			return nil, refused("process order", err)
		}
		return answer(map[string]any{"placed": done.Placed, "retried": done.Retried})
	})
}

// refused makes an error final that is due to what the task was given.
func refused(operation string, err error) error {
	err = fmt.Errorf("%s: %w", operation, err)
	var faults order.Faults
	switch {
	case errors.As(err, &faults) && faults[0].Code == order.CodeIdempotencyInProgress:
		return err // another run of the same task is about to end
	case len(faults) > 0, errors.Is(err, order.ErrFulfilled):
		return &FailedError{Class: task.ErrorInput, Final: true, Err: err}
	case errors.Is(err, order.ErrNotFound):
		return &FailedError{Class: task.ErrorNotFound, Final: true, Err: err}
	default:
		return err
	}
}

// deadlinesPage is how many orders are ended in one transaction.
const deadlinesPage = 500

// EnforceDeadlines returns the handler of ENFORCE_DEADLINES tasks: it ends what is past its deadline, as the sweeper does
// every second.
func EnforceDeadlines(apply func(ctx context.Context, limit int) (int, error)) Handler {
	return Each(func(ctx context.Context, _ task.Task) (json.RawMessage, error) {
		total := 0
		for {
			count, err := apply(ctx, deadlinesPage)
			total += count
			if err != nil {
				return nil, fmt.Errorf("enforce deadlines: %w", err)
			}
			if count < deadlinesPage {
				return answer(map[string]any{"orders": total})
			}
		}
	})
}
