// Package task is the pure part of background work: kinds, queues, states and retry rules.
package task

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Kind names what a task does.
type Kind string

// The kinds of tasks.
const (
	KindDispatch      Kind = "DISPATCH"       // bring one fulfillment to a provider, or reconcile what became of it
	KindCancel        Kind = "CANCEL"         // ask a provider to cancel one fulfillment
	KindPollProvider  Kind = "POLL_PROVIDER"  // read the due fulfillments' status from one provider
	KindCheckProvider Kind = "CHECK_PROVIDER" // find out whether a provider can be reached and knows us
	KindSyncOffers    Kind = "SYNC_OFFERS"    // compare a provider's offers with what it lists
	KindRetention     Kind = "RETENTION"      // drop what is past its keep
	KindBulk          Kind = "BULK"           // work off the rows of one bulk operation

	KindProcessOrder     Kind = "PROCESS_ORDER"     // place a draft, or try again what waits of an order
	KindCreateOrder      Kind = "CREATE_ORDER"      // make an order from a template
	KindEnforceDeadlines Kind = "ENFORCE_DEADLINES" // end what is past its deadline
	KindExport           Kind = "EXPORT"            // write rows to a file
	KindWebhookPing      Kind = "WEBHOOK_PING"      // tell an address that it is time
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		KindDispatch, KindCancel, KindPollProvider, KindCheckProvider, KindSyncOffers, KindRetention, KindBulk, KindProcessOrder,
		KindCreateOrder, KindEnforceDeadlines, KindExport, KindWebhookPing,
	}
}

// Queue names a lane of tasks; workers choose which lanes they serve.
type Queue string

// The queues.
const (
	QueueDispatch Queue = "dispatch"
	QueueStatus   Queue = "status"
	QueueSystem   Queue = "system"
)

// Queues lists every queue.
func Queues() []Queue { return []Queue{QueueDispatch, QueueStatus, QueueSystem} }

// State is where a task stands.
type State string

// The states of a task. A task that is retried waits as RETRY; one that ended for good is SUCCESS, FAILURE or REVOKED.
const (
	Pending State = "PENDING"
	Started State = "STARTED"
	Retry   State = "RETRY"
	Success State = "SUCCESS"
	Failure State = "FAILURE"
	Revoked State = "REVOKED"
)

// MaxPriority is the highest priority of a task or an order; 0 is the lowest.
const MaxPriority = 9

// Task is a piece of background work: due, waiting, running or (with FinishedAt) the record of a finished run.
type Task struct {
	ID            uuid.UUID
	AccountID     uuid.UUID
	Kind          Kind
	Name          string // of the schedule that began it; "": none did
	Queue         Queue
	Priority      int
	State         State
	Dead          bool // failed for good after its last attempt; can be run again by hand
	Arguments     json.RawMessage
	Result        json.RawMessage
	Error         string     // of the last failure
	ErrorClass    ErrorClass // of the last failure; "": there was none
	ErrorStack    string     // where the last failure was a panic
	OrderID       *uuid.UUID
	FulfillmentID *uuid.UUID
	ProviderID    *uuid.UUID
	ScheduleID    *uuid.UUID
	UniqueKey     string     // at most one waiting or running task has it; "": no such limit
	TraceID       string     // of the request or run that made it, as W3C trace context; "": none
	DueAt         time.Time  // of the latest run, where there was one
	AnnouncedAt   *time.Time // database time when its id was last pushed to the workers; nil: not yet
	Attempt       int        // runs begun so far
	MaxAttempts   int
	WorkerID      *uuid.UUID
	Token         uuid.UUID // of the current claim; every write about the run names it
	EnqueuedAt    time.Time
	StartedAt     *time.Time // of the latest run
	FinishedAt    *time.Time
	RevokeAsked   bool // it runs, and somebody asked for its end
}

// AttemptsLeft returns how many more runs there may be.
func (t *Task) AttemptsLeft() int { return max(0, t.MaxAttempts-t.Attempt) }

// WaitingTime returns how long the latest run waited from when it was due until it began; nil: none has begun, or the task
// waits for the next one.
func (t *Task) WaitingTime() *time.Duration {
	if t.StartedAt == nil || t.State == Pending || t.State == Retry {
		return nil
	}
	waited := max(0, t.StartedAt.Sub(t.DueAt))
	return &waited
}

// Duration returns how long the latest run of a finished task took; nil: it is not finished, or never ran.
func (t *Task) Duration() *time.Duration {
	if t.StartedAt == nil || t.FinishedAt == nil {
		return nil
	}
	took := t.FinishedAt.Sub(*t.StartedAt)
	return &took
}

// GivenName returns the name; nil: it has none.
func (t *Task) GivenName() *string { return orNone(&t.Name) }

// GivenTraceID returns the trace that the task belongs to; nil: to none.
func (t *Task) GivenTraceID() *string { return orNone(&t.TraceID) }

func orNone(text *string) *string {
	if *text == "" {
		return nil
	}
	return text
}

// Breakdown is what a run met.
type Breakdown struct {
	Class   ErrorClass // "": nothing is wrong, the task just waits
	Message string
	Stack   string // of a panic
}

// RevokedMessage is the error of a task that somebody ended.
const RevokedMessage = "somebody asked for its end"

// Owed reports whether something else counts on every task of the kind until it is done: it is not given up by hand, and
// a revocation does no more than interrupt its run.
func (k Kind) Owed() bool { return k == KindDispatch || k == KindCancel || k == KindBulk }

// ErrorClass says what kind of failure a run met.
type ErrorClass string

// The classes of failures. A provider's answers have classes of their own, which are told here as PROVIDER.
const (
	ErrorPanic      ErrorClass = "PANIC"      // a bug: the stack tells where
	ErrorTimeout    ErrorClass = "TIMEOUT"    // it took too long
	ErrorConnection ErrorClass = "CONNECTION" // somebody could not be reached
	ErrorProvider   ErrorClass = "PROVIDER"   // a provider refused, or answered what can't be used
	ErrorInput      ErrorClass = "INPUT"      // its arguments, or what they are about, are wrong
	ErrorNotFound   ErrorClass = "NOT_FOUND"  // what it is about is gone
	ErrorStore      ErrorClass = "STORE"      // the record could not be read or written
	ErrorLost       ErrorClass = "LOST"       // its worker fell silent
	ErrorRevoked    ErrorClass = "REVOKED"    // a person asked for its end
	ErrorInternal   ErrorClass = "INTERNAL"   // anything else
)

// ErrorClasses lists every class.
func ErrorClasses() []ErrorClass {
	return []ErrorClass{
		ErrorPanic, ErrorTimeout, ErrorConnection, ErrorProvider, ErrorInput, ErrorNotFound, ErrorStore, ErrorLost, ErrorRevoked,
		ErrorInternal,
	}
}
