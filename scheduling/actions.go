package scheduling

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// RunOf reads for which slot of a schedule a task runs; zero where it runs for none.
func RunOf(t *task.Task) Run {
	var arguments struct {
		Run Run `json:"run"`
	}
	_ = json.Unmarshal(t.Arguments, &arguments) // what can't be read names none
	return arguments.Run
}

// actor is who acts in a task of a schedule: an operator by the schedule's name, in test mode where its maker was.
func (s *Service) actor(ctx context.Context, t *task.Task) (account.Principal, error) {
	of, err := s.store.Account(ctx, t.AccountID)
	if err != nil {
		return account.Principal{}, fmt.Errorf("read account: %w", err)
	}
	return account.Principal{
		AccountID: t.AccountID, Currency: of.Currency, Actor: "schedule:" + t.Name, Role: account.Operator,
		TestMode: RunOf(t).TestMode,
	}, nil
}

// CreateOrder makes the order of a CREATE_ORDER task: the one of its slot, however often it runs. It fails with
// order.Faults.
func (s *Service) CreateOrder(ctx context.Context, t task.Task) (*order.Order, error) {
	draft, err := OrderOf(&t)
	if err != nil {
		return nil, err
	}
	who, err := s.actor(ctx, &t)
	if err != nil {
		return nil, err
	}
	return s.orders.CreateOrder(ctx, who, draft)
}

// ProcessOrder does what a PROCESS_ORDER task is for. It fails with order.Faults and order.ErrNotFound.
func (s *Service) ProcessOrder(ctx context.Context, t task.Task) (fulfillment.Processed, error) {
	var arguments struct {
		OrderID uuid.UUID `json:"orderId"`
	}
	if err := readArguments(&t, &arguments); err != nil {
		return fulfillment.Processed{}, err
	}
	who, err := s.actor(ctx, &t)
	if err != nil {
		return fulfillment.Processed{}, err
	}
	return s.orders.ProcessOrder(ctx, who, arguments.OrderID)
}

// BeginSync begins the synchronization of a SYNC_OFFERS task, for which the task stands from then on. ours is false where
// an earlier one of the same mode is still running. It fails with order.Faults and order.ErrNotFound.
func (s *Service) BeginSync(ctx context.Context, t task.Task) (sync *order.OfferSync, ours bool, err error) {
	var arguments fulfillment.SyncArguments
	if err := readArguments(&t, &arguments); err != nil {
		return nil, false, err
	}
	who, err := s.actor(ctx, &t)
	if err != nil {
		return nil, false, err
	}
	return s.orders.SyncOffersIn(ctx, who, t, arguments)
}

// Ping is what a WEBHOOK_PING task posts, and where.
type Ping struct {
	URL string
	Run Run
}

// PingOf reads the arguments of a WEBHOOK_PING task. It fails with order.Faults.
func PingOf(t *task.Task) (Ping, error) {
	var arguments struct {
		URL string `json:"url"`
	}
	if err := readArguments(t, &arguments); err != nil {
		return Ping{}, err
	}
	if arguments.URL == "" {
		return Ping{}, fault(order.CodeRequired, "must be given", fieldArguments, "url")
	}
	return Ping{URL: arguments.URL, Run: RunOf(t)}, nil
}

func readArguments(t *task.Task, into any) error {
	if err := json.Unmarshal(t.Arguments, into); err != nil {
		return fault(order.CodeInvalid, "can't be read: "+err.Error(), fieldArguments)
	}
	return nil
}
