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
)

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
	Queue         Queue
	Priority      int
	State         State
	Dead          bool // failed for good after its last attempt; can be run again by hand
	Arguments     json.RawMessage
	Result        json.RawMessage
	Error         string // of the last failure
	OrderID       *uuid.UUID
	FulfillmentID *uuid.UUID
	ProviderID    *uuid.UUID
	ScheduleID    *uuid.UUID
	UniqueKey     string // at most one waiting or running task has it; "": no such limit
	DueAt         time.Time
	AnnouncedAt   *time.Time // database time when its id was last pushed to the workers; nil: not yet
	Attempt       int        // runs begun so far
	MaxAttempts   int
	WorkerID      *uuid.UUID
	Token         uuid.UUID // of the current claim; every write about the run names it
	EnqueuedAt    time.Time
	StartedAt     *time.Time // of the latest run
	FinishedAt    *time.Time
}
