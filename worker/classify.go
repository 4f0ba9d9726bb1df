package worker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const (
	longestError = 2000    // bytes of an error that are kept
	longestStack = 8 << 10 // bytes of a panic's stack
)

// breakdownOf is what is kept of the error that a run met.
func breakdownOf(err error) task.Breakdown {
	broke := task.Breakdown{Class: classOf(err), Message: clean(err.Error(), longestError)}
	if met, ok := errors.AsType[*panicked](err); ok {
		broke.Stack = clean(string(met.stack), longestStack)
	}
	return broke
}

// text is what is kept of an error's message.
func text(err error) string { return clean(err.Error(), longestError) }

// clean cuts a text, and leaves of it what Postgres takes for text.
func clean(message string, longest int) string {
	message = strings.ToValidUTF8(message[:min(len(message), longest)], "")
	return strings.ReplaceAll(message, "\x00", "")
}

// classOf tells failures apart by where they come from: the most telling error of a chain decides.
func classOf(err error) task.ErrorClass {
	var faults order.Faults
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	later, waits := errors.AsType[*LaterError](err)
	failed, told := errors.AsType[*FailedError](err)
	_, provider := errors.AsType[*providerapi.Error](err)
	switch {
	case errors.Is(err, errPanic):
		return task.ErrorPanic
	case errors.Is(err, errRevoked):
		return task.ErrorRevoked
	case errors.Is(err, ErrSilent), errors.Is(err, errNoAttempt):
		return task.ErrorLost
	case waits:
		return later.Class
	case told:
		return failed.Class
	case store.Refused(err):
		return task.ErrorStore
	case errors.Is(err, context.DeadlineExceeded), timedOut(err):
		return task.ErrorTimeout
	case unreached(err):
		return task.ErrorConnection
	case provider, errors.Is(err, providerapi.ErrAbsent):
		return task.ErrorProvider
	case errors.Is(err, errNoProvider), errors.As(err, &faults), errors.As(err, &syntax), errors.As(err, &kind):
		return task.ErrorInput
	case errors.Is(err, order.ErrNotFound):
		return task.ErrorNotFound
	default:
		return task.ErrorInternal
	}
}

func timedOut(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// unreached reports whether somebody could not be reached, or hung up.
func unreached(err error) bool {
	var operation *net.OpError
	var name *net.DNSError
	return errors.As(err, &operation) || errors.As(err, &name) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
