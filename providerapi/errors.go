package providerapi

import (
	"errors"
	"fmt"
	"time"

	"github.com/boostress/boostress/order"
)

// What callers test for.
var (
	ErrAbsent    = errors.New("provider holds no such order")
	ErrSignature = errors.New("bad webhook signature")
	ErrAdapter   = errors.New("unknown adapter")
)

// Error is a provider's refusal, or the failure to reach it, classified by its adapter.
type Error struct {
	Class      order.Class
	Code       string        // the provider's own code, or ""
	Message    string        // for a person; holds no credential and no payload
	RetryAfter time.Duration // of RATE_LIMITED and RETRYABLE; 0: not told
	Reroutable bool          // of REJECTED: another provider may take it
	Status     int           // HTTP status, 0 where none was received
	Err        error         // the cause, or nil
}

// Error describes the refusal.
func (e *Error) Error() string {
	text := string(e.Class)
	if e.Status != 0 {
		text += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of a call's error: ACCEPTED for nil, UNKNOWN for an error that does not classify
// itself.
func ClassOf(err error) order.Class {
	if err == nil {
		return order.ClassAccepted
	}
	if classified, ok := errors.AsType[*Error](err); ok {
		return classified.Class
	}
	return order.ClassUnknown
}
