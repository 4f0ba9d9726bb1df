package resolvers

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
)

// CreateSchedule makes a schedule.
func (m mutation) CreateSchedule(ctx context.Context, input graph.CreateScheduleInput) (*graph.CreateSchedulePayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	created, err := m.options.Scheduling.Create(ctx, principal, scheduling.Input{
		IdempotencyKey: value(input.IdempotencyKey), Name: input.Name,
		Rule: scheduling.RuleInput{
			Kind: input.Rule, Every: input.Every, Cron: input.Cron, TimeZone: input.TimeZone, StartsAt: input.StartsAt,
			EndsAt: input.EndsAt, MaxRuns: input.MaxRuns,
		},
		Jitter: input.Jitter, Action: input.Action, Arguments: input.Arguments, Queue: input.Queue, Priority: input.Priority,
		Overlap: input.Overlap, Misfire: input.Misfire, MisfireLimit: input.MisfireLimit, Enabled: input.IsEnabled,
	})
	shown, faults, err := m.shown(ctx, created, err)
	if err != nil {
		return nil, err
	}
	return &graph.CreateSchedulePayload{Schedule: shown, UserErrors: faults}, nil
}

// shown makes what a payload holds of a schedule and an error. It reads ahead what is selected of the schedule.
func (m mutation) shown(ctx context.Context, s *schedule.Schedule, failed error) (*graph.Schedule, []*order.Fault, error) {
	faults, ok := userErrors(failed)
	if !ok {
		return nil, nil, failed
	}
	if len(faults) > 0 || s == nil {
		return nil, faults, nil
	}
	aheadOf(ctx, m.Root, "Schedule", "schedule", []*schedule.Schedule{s})
	return shownSchedule(s), faults, nil
}

// UpdateSchedule changes a schedule.
func (m mutation) UpdateSchedule(ctx context.Context, input graph.UpdateScheduleInput) (*graph.UpdateSchedulePayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	change := scheduling.Change{
		Name: input.Name, Rule: input.Rule, Every: input.Every, Cron: input.Cron, TimeZone: orZero(input.TimeZone),
		StartsAt: orZero(input.StartsAt), EndsAt: orZero(input.EndsAt), Jitter: orZero(input.Jitter),
		Arguments: input.Arguments, Queue: input.Queue, Priority: input.Priority, Overlap: input.Overlap,
		Misfire: input.Misfire, MisfireLimit: input.MisfireLimit,
	}
	if limit, given := input.MaxRuns.ValueOK(); given {
		change.MaxRuns, change.Endless = limit, limit == nil
	}
	changed, err := m.options.Scheduling.Update(ctx, principal, input.ID, change)
	shown, faults, err := m.shown(ctx, changed, err)
	if err != nil {
		return nil, err
	}
	return &graph.UpdateSchedulePayload{Schedule: shown, UserErrors: faults}, nil
}

// changeSchedule runs a change that takes no more than a schedule's id.
func (m mutation) changeSchedule(
	ctx context.Context, id uuid.UUID,
	do func(context.Context, account.Principal, uuid.UUID) (*schedule.Schedule, error),
) (*graph.Schedule, []*order.Fault, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, nil, err
	}
	changed, err := do(ctx, principal, id)
	return m.shown(ctx, changed, err)
}

// DeleteSchedule deletes a schedule.
func (m mutation) DeleteSchedule(ctx context.Context, input graph.DeleteScheduleInput) (*graph.DeleteSchedulePayload, error) {
	shown, faults, err := m.changeSchedule(ctx, input.ID, m.options.Scheduling.Delete)
	if err != nil {
		return nil, err
	}
	return &graph.DeleteSchedulePayload{Schedule: shown, UserErrors: faults}, nil
}

// PauseSchedule keeps a schedule from firing.
func (m mutation) PauseSchedule(ctx context.Context, input graph.PauseScheduleInput) (*graph.PauseSchedulePayload, error) {
	shown, faults, err := m.changeSchedule(ctx, input.ID, m.options.Scheduling.Pause)
	if err != nil {
		return nil, err
	}
	return &graph.PauseSchedulePayload{Schedule: shown, UserErrors: faults}, nil
}

// ResumeSchedule lets a schedule fire again.
func (m mutation) ResumeSchedule(ctx context.Context, input graph.ResumeScheduleInput) (*graph.ResumeSchedulePayload, error) {
	shown, faults, err := m.changeSchedule(ctx, input.ID, m.options.Scheduling.Resume)
	if err != nil {
		return nil, err
	}
	return &graph.ResumeSchedulePayload{Schedule: shown, UserErrors: faults}, nil
}

// RunSchedule runs a schedule now.
func (m mutation) RunSchedule(ctx context.Context, input graph.RunScheduleInput) (*graph.RunSchedulePayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	run, err := m.options.Scheduling.Run(ctx, principal, input.ID, value(input.IdempotencyKey))
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.RunSchedulePayload{Run: run, UserErrors: faults}, nil
}

// PreviewSchedule tells when a rule would fire.
func (q query) PreviewSchedule(
	_ context.Context, input graph.PreviewScheduleInput, first int,
) (*graph.SchedulePreview, error) {
	if !goodPageSize(first) {
		return nil, refuse(codeBadUserInput, badPageSize("first"))
	}
	slots, err := scheduling.Preview(scheduling.RuleInput{
		Kind: input.Rule, Every: input.Every, Cron: input.Cron, TimeZone: input.TimeZone, StartsAt: input.StartsAt,
		EndsAt: input.EndsAt, MaxRuns: input.MaxRuns,
	}, q.options.Clock(), first)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.SchedulePreview{Slots: pointersTo(slots), UserErrors: faults}, nil
}

func pointersTo(moments []time.Time) []*time.Time {
	pointers := make([]*time.Time, len(moments))
	for i := range moments {
		pointers[i] = &moments[i]
	}
	return pointers
}
