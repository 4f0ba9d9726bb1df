package order

import (
	"errors"
	"strings"
)

// What callers test for.
var (
	ErrNotFound        = errors.New("not found")
	ErrMoney           = errors.New("bad amount")
	ErrTransition      = errors.New("state can't follow")
	ErrFulfilled       = errors.New("everything was delivered already")
	ErrReferenceTaken  = errors.New("reference is taken")
	ErrKeyReused       = errors.New("idempotency key was used with another input")
	ErrKeyInProgress   = errors.New("the first request with this idempotency key is still running")
	ErrNameTaken       = errors.New("name is taken")
	ErrExternalIDTaken = errors.New("external id is taken")
)

// Code names a fault of an input for programs.
type Code string

// The codes of input faults; each is a value of the API's UserErrorCode.
const (
	CodeRequired              Code = "REQUIRED"
	CodeInvalid               Code = "INVALID"
	CodeTooLong               Code = "TOO_LONG"
	CodeOutOfRange            Code = "OUT_OF_RANGE"
	CodeNotFound              Code = "NOT_FOUND"
	CodeReferenceTaken        Code = "REFERENCE_TAKEN"
	CodeNameTaken             Code = "NAME_TAKEN"
	CodeIdempotencyKeyReused  Code = "IDEMPOTENCY_KEY_REUSED"
	CodeIdempotencyInProgress Code = "IDEMPOTENCY_IN_PROGRESS"
	CodeAlreadyFulfilled      Code = "ALREADY_FULFILLED"
	CodeConflict              Code = "CONFLICT"
	CodeUnsupported           Code = "UNSUPPORTED"
	CodeInvalidCredentials    Code = "INVALID_CREDENTIALS"
	CodeForbidden             Code = "FORBIDDEN"
	CodeRateLimited           Code = "RATE_LIMITED"
	CodeInternal              Code = "INTERNAL" // only of a bulk operation's rows: nothing that its input could mend
)

// Fault is one thing wrong with an input: where, what and how to mend it.
type Fault struct {
	Field   []string // the path within the input, e.g. orders, 3, budget
	Code    Code
	Message string
}

// Faults is an input that was refused; it lists all that is wrong with it.
type Faults []Fault //nolint:errname // it is a list of faults, and returned as an error

// Error joins the faults' messages.
func (f Faults) Error() string {
	messages := make([]string, len(f))
	for i, fault := range f {
		messages[i] = strings.Join(fault.Field, ".") + ": " + fault.Message
	}
	return strings.Join(messages, "; ")
}

// Err returns the faults as an error, or nil where there are none.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Under returns the faults with their paths placed below a prefix.
func (f Faults) Under(prefix ...string) Faults {
	moved := make(Faults, len(f))
	for i, fault := range f {
		fault.Field = append(append([]string{}, prefix...), fault.Field...)
		moved[i] = fault
	}
	return moved
}

// FaultsOf turns an error about one target into what is wrong with an input that names it in field: none for a nil error.
// known is false for an error that is due to no input.
func FaultsOf(err error, field string) (faults Faults, known bool) {
	switch {
	case err == nil:
		return nil, true
	case errors.As(err, &faults):
		return faults, true
	case errors.Is(err, ErrNotFound):
		return Faults{{Field: []string{field}, Code: CodeNotFound, Message: "there is no such thing"}}, true
	case errors.Is(err, ErrFulfilled):
		return Faults{{Field: []string{field}, Code: CodeAlreadyFulfilled, Message: "everything was delivered already"}}, true
	default:
		return nil, false
	}
}
