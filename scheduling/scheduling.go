// Package scheduling holds the use cases of schedules: making, changing and running them, and what their actions take and
// do. Each exported method of Service that changes something is one transaction. What fires them is in the packages store
// and worker.
package scheduling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Options wire a Service.
type Options struct {
	// AfterCommit is told what each commit left to announce. It must not block. Default: nothing is announced.
	AfterCommit func(fulfillment.Committed)
	// CheckAddress fails when nothing must be sent to an address. Default: anything may be.
	CheckAddress func(url string) error
}

// Service runs the use cases on a store.
type Service struct {
	store   *store.Store
	orders  *fulfillment.Service
	options Options
}

// New returns the use cases on st; what actions do to orders and providers, orders does.
func New(st *store.Store, orders *fulfillment.Service, options Options) *Service {
	if options.AfterCommit == nil {
		options.AfterCommit = func(fulfillment.Committed) {}
	}
	if options.CheckAddress == nil {
		options.CheckAddress = func(string) error { return nil }
	}
	return &Service{store: st, orders: orders, options: options}
}

// adminOnly tells of an action that only an ADMIN may ask for by hand, too.
func adminOnly(action task.Kind) bool {
	return action == task.KindSyncOffers || action == task.KindCheckProvider || action == task.KindRetention
}

// lock locks a schedule that who may change. It fails with order.ErrNotFound, and with order.Faults for one that is not
// theirs to change.
func (s *Service) lock(ctx context.Context, tx *store.Tx, who account.Principal, scheduleID uuid.UUID) (*schedule.Schedule, error) {
	found, err := tx.LockSchedule(ctx, who.AccountID, scheduleID)
	if errors.Is(err, order.ErrNotFound) && (id.KindOf(scheduleID) == id.OrderPacing || id.KindOf(scheduleID) == id.OrderPolling) {
		return nil, s.refuseOwn(ctx, who, scheduleID)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case who.Role != account.Admin && found.System:
		return nil, forbidden("id", "belongs to the product: only an ADMIN may change it")
	case who.Role != account.Admin && adminOnly(task.Kind(found.TaskKind)):
		return nil, forbidden("id", fmt.Sprintf("does what only an ADMIN may ask for: %s", found.TaskKind))
	case who.TestMode && !found.TestMode:
		return nil, forbidden("id", "was not made in test mode: a test-mode key can't change it")
	}
	return found, nil
}

// refuseOwn is for an order's own schedule, which is no row.
func (s *Service) refuseOwn(ctx context.Context, who account.Principal, scheduleID uuid.UUID) error {
	found, err := s.store.Schedules(ctx, who.AccountID, []uuid.UUID{scheduleID})
	if err != nil {
		return fmt.Errorf("read schedule: %w", err)
	}
	if found[scheduleID] == nil {
		return fmt.Errorf("schedule %s: %w", scheduleID, order.ErrNotFound)
	}
	return forbidden("id", "is an order's own: hold, change or cancel the order instead")
}

// record writes who did what to a schedule.
func record(ctx context.Context, tx *store.Tx, who account.Principal, action account.Action, s *schedule.Schedule) error {
	details, err := json.Marshal(map[string]string{"name": s.Name, "action": s.TaskKind})
	if err != nil {
		return fmt.Errorf("write details: %w", err)
	}
	scheduleID := s.ID
	return tx.Audit(ctx, account.AuditEntry{
		AccountID: who.AccountID, Actor: who.Actor, Action: action, TargetID: &scheduleID, Details: details,
	})
}

func fault(code order.Code, message string, field ...string) order.Faults {
	return order.Faults{{Field: field, Code: code, Message: message}}
}

func forbidden(field, message string) order.Faults { return fault(order.CodeForbidden, message, field) }

// taken names the field of a name that another schedule has.
func taken(err error) error {
	if errors.Is(err, order.ErrNameTaken) {
		return fault(order.CodeNameTaken, "another schedule has this name", fieldName)
	}
	return err
}
