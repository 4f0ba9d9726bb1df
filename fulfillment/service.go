// Package fulfillment holds the use cases: each exported method of Service that changes something is one transaction
// (calls that come together may share one), writes its events and tasks in it, and announces them after the commit.
package fulfillment

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/group"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// ErrStale is returned for a write whose claim is no longer held: somebody else goes on with the task.
var ErrStale = errors.New("the claim is no longer held")

// Committed is what a transaction left to announce.
type Committed struct {
	Tasks   []task.Task // inserted or hurried; those with AnnouncedAt are to be announced
	Events  int         // how many were written
	Results []task.Task // finished runs
	// Operations are bulk operations that got further.
	Operations []uuid.UUID
	// Fired are schedules of which slots fired.
	Fired []uuid.UUID
}

// Options wire a Service. Seal, Capabilities and Adapters are required.
type Options struct {
	// AfterCommit is told what each commit left to announce. It must not block; whatever it drops is found by the
	// sweeper. Default: nothing is announced.
	AfterCommit func(Committed)
	// Capabilities tells what a provider can do.
	Capabilities func(context.Context, order.Provider) (order.Capabilities, error)
	// Adapters lists the known adapters' names.
	Adapters func() []string
	// CheckAddress fails when a provider must not be reached at an address.
	CheckAddress func(baseURL string) error
	Seal         *seal.Keyring
	// Log is told of what nobody could mend at once; default: nothing is logged.
	Log *slog.Logger
	// Term is how long a silent worker keeps its claims; default 10 s.
	Term time.Duration
	// Clock is read only to check input; what is written carries the database's time. Default time.Now.
	Clock func() time.Time
}

const defaultTerm = 10 * time.Second

// Service runs the use cases on a store.
type Service struct {
	store   *store.Store
	options Options
	creates *group.Group[createRequest, created]
	books   *books
}

// The most requests that share a transaction, and how many such transactions run at a time.
const (
	mostCreates = 64
	createLanes = 2
)

// New returns the use cases on st.
func New(st *store.Store, options Options) *Service {
	if options.AfterCommit == nil {
		options.AfterCommit = func(Committed) {}
	}
	if options.Term == 0 {
		options.Term = defaultTerm
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{store: st, options: options, books: newBooks()}
	s.creates = group.New(mostCreates, createLanes, s.createTogether)
	return s
}

// announce tells what a commit left, if anything.
func (s *Service) announce(committed Committed) {
	if len(committed.Tasks)+committed.Events+len(committed.Results)+len(committed.Operations) > 0 {
		s.options.AfterCommit(committed)
	}
}

// dispatchTask is the task that brings a fulfillment to a provider.
func dispatchTask(o *order.Order, f *order.Fulfillment) task.Task {
	t := fulfillmentTask(task.KindDispatch, task.QueueDispatch, o, f)
	if f.ScheduledAt != nil {
		t.DueAt = *f.ScheduledAt
	}
	return t
}

// cancelTask is the task that asks a fulfillment's provider to cancel it.
func cancelTask(o *order.Order, f *order.Fulfillment) task.Task {
	t := fulfillmentTask(task.KindCancel, task.QueueDispatch, o, f)
	t.UniqueKey = "cancel:" + f.ID.String()
	return t
}

// mostRuns bounds the runs of a task; waits that are nobody's fault don't count.
const mostRuns = 25

func fulfillmentTask(kind task.Kind, queue task.Queue, o *order.Order, f *order.Fulfillment) task.Task {
	orderID, fulfillmentID := o.ID, f.ID
	return task.Task{
		AccountID: o.AccountID, Kind: kind, Queue: queue, Priority: o.Priority,
		OrderID: &orderID, FulfillmentID: &fulfillmentID, ProviderID: f.ProviderID, MaxAttempts: mostRuns,
	}
}

// pollTask reads what is due from one provider. At most one of a provider waits or runs.
func pollTask(accountID, providerID uuid.UUID) task.Task {
	return task.Task{
		AccountID: accountID, Kind: task.KindPollProvider, Queue: task.QueueStatus,
		ProviderID: &providerID, UniqueKey: pollKey(providerID), MaxAttempts: mostRuns,
	}
}

func pollKey(providerID uuid.UUID) string { return "poll:" + providerID.String() }

func checkKey(providerID uuid.UUID) string { return "check:" + providerID.String() }
