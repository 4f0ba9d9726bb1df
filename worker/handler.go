package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/boostress/boostress/task"
)

// Handler runs claimed tasks of its kinds.
type Handler interface {
	// Handle runs tasks and calls end once for each of them, by its place in tasks, from any goroutine; it returns
	// when all have ended. Its context ends when the worker has to let its claims go or is stopped for good; that of
	// one task's run, see runOf, also when somebody asked for its end.
	Handle(ctx context.Context, tasks []task.Task, end func(place int, result Result))
}

// Result is how a run ended.
type Result struct {
	Settled bool            // its end is written already, or the claim is no longer held
	Value   json.RawMessage // of a success
	Err     error           // of a failure: the task is tried again, unless this was its last attempt
}

// LaterError is the error of a run that has to wait.
type LaterError struct {
	After  time.Duration
	Reason string
	Free   bool            // the run does not count as an attempt
	Class  task.ErrorClass // of what it met; "": nothing is wrong
}

// Error tells the reason.
func (l *LaterError) Error() string { return l.Reason }

// errPanic is the error of a run that panicked.
var errPanic = errors.New("panic")

// panicked is a panic's value with the stack.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (*panicked) Is(target error) bool { return target == errPanic }

// guard runs do and turns a panic into an error.
func guard(do func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicked{value: value, stack: debug.Stack()}
		}
	}()
	return do()
}

// Each returns a handler that runs tasks one by one, each on a goroutine of its own.
func Each(run func(ctx context.Context, t task.Task) (json.RawMessage, error)) Handler {
	return each(run)
}

type each func(ctx context.Context, t task.Task) (json.RawMessage, error)

// Handle runs the tasks side by side.
func (e each) Handle(ctx context.Context, tasks []task.Task, end func(int, Result)) {
	var running sync.WaitGroup
	for place, t := range tasks {
		running.Go(func() {
			var result Result
			if t.Attempt > t.MaxAttempts { // its workers died of it
				result.Err = errNoAttempt
			} else {
				result.Err = guard(func() (err error) {
					result.Value, err = e(runOf(ctx, &t), t)
					return err
				})
			}
			end(place, result)
		})
	}
	running.Wait()
}

var errNoAttempt = errors.New("no attempt is left: the workers that ran it fell silent")
