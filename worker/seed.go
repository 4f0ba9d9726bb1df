package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/task"
)

// nextAfter returns nil where the rule has no further due time.
func nextAfter(rule schedule.Rule, after time.Time) (*time.Time, error) {
	next, ok, err := rule.Next(after)
	if err != nil || !ok {
		return nil, err
	}
	return &next, nil
}

// seed gives Boostress its own schedules, as soon as there is an account to have them.
func (s *Sweeper) seed(ctx context.Context) error {
	rule := schedule.Rule{Kind: schedule.Interval, Every: time.Hour}
	next, err := nextAfter(rule, failpoint.Now())
	if err != nil {
		return fmt.Errorf("plan retention: %w", err)
	}
	return s.Store.ScheduleSeed(ctx, schedule.Schedule{
		ID: id.New(id.Schedule), Name: "retention", Rule: rule, TaskKind: string(task.KindRetention), NextAt: next,
		Queue: string(task.QueueSystem), Overlap: schedule.OverlapSkip, Misfire: schedule.MisfireOnce, MisfireLimit: 1,
		CreatedBy: account.ActorSystem,
	})
}
