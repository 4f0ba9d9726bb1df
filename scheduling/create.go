package scheduling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Input is a new schedule as asked for.
type Input struct {
	IdempotencyKey string `json:"-"`
	Name           string
	Rule           RuleInput
	Jitter         *time.Duration
	Action         task.Kind
	Arguments      json.RawMessage // nil: none
	Queue          *string         // nil: the action's usual one
	Priority       int
	Overlap        schedule.Overlap
	Misfire        schedule.Misfire
	MisfireLimit   int
	Enabled        bool
}

// Create makes a schedule. What it will do is checked at once. It fails with order.Faults.
func (s *Service) Create(ctx context.Context, who account.Principal, input Input) (*schedule.Schedule, error) {
	var created *schedule.Schedule
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		made, err := fulfillment.Once(ctx, tx, who, "createSchedule", input.IdempotencyKey, input, func() (uuid.UUID, error) {
			fresh, err := s.make(ctx, tx, who, &input)
			if err != nil {
				return uuid.Nil, err
			}
			if err := tx.InsertSchedule(ctx, fresh); err != nil {
				return uuid.Nil, err
			}
			return fresh.ID, record(ctx, tx, who, account.ActionScheduleCreate, fresh)
		})
		if err != nil {
			return err
		}
		created, err = tx.LockSchedule(ctx, who.AccountID, made)
		if errors.Is(err, order.ErrNotFound) {
			return fault(order.CodeConflict, "the schedule that the first request with this key made is gone", "idempotencyKey")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create schedule: %w", taken(err))
	}
	return created, nil
}

// make checks the input. It fails with order.Faults.
func (s *Service) make(ctx context.Context, tx *store.Tx, who account.Principal, input *Input) (*schedule.Schedule, error) {
	made := &schedule.Schedule{
		ID: id.New(id.Schedule), AccountID: who.AccountID, Name: input.Name, Overlap: input.Overlap, Misfire: input.Misfire,
		MisfireLimit: input.MisfireLimit, TaskKind: string(input.Action), Queue: string(usualQueue(input.Action)),
		Priority: input.Priority, Enabled: input.Enabled, CreatedBy: who.Actor, TestMode: who.TestMode,
		CreatedAt: tx.Now, UpdatedAt: tx.Now,
	}
	if err := mayDo(ctx, tx, who, input.Action); err != nil {
		return nil, err
	}
	set(&made.Queue, input.Queue)
	set(&made.Jitter, input.Jitter)
	if input.Rule.MaxRuns != nil {
		made.MaxRuns = int64(*input.Rule.MaxRuns)
	}
	rule, first, faults := input.Rule.rule(tx.Now)
	made.Rule = rule
	checked, err := s.setArguments(ctx, tx, who, made, first, input.Arguments)
	if err != nil {
		return nil, err
	}
	faults = append(append(faults, checkSettings(made, tx.Now)...), checked...)
	if len(faults) > 0 {
		return nil, faults
	}
	if made.Enabled {
		made.NextAt = &first
	}
	return made, nil
}

// mayDo fails with order.Faults where an action is not for who to schedule.
func mayDo(ctx context.Context, tx *store.Tx, who account.Principal, action task.Kind) error {
	if adminOnly(action) && who.Role != account.Admin {
		return forbidden("action", "is for an ADMIN only")
	}
	if action != task.KindRetention {
		return nil
	}
	first, err := tx.FirstAccount(ctx)
	if err == nil && who.AccountID != first {
		return forbidden("action", "drops records of all accounts: only the first account may schedule it")
	}
	return err
}
