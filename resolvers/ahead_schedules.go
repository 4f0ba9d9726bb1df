package resolvers

import (
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

func scheduleLinks() map[string]link {
	return map[string]link{
		"Schedule.order":    toOne("Order", func(s *schedule.Schedule) *uuid.UUID { return s.OrderID }, toOrders),
		"Schedule.provider": toOne("Provider", func(s *schedule.Schedule) *uuid.UUID { return s.ProviderID }, toProviders),
		"Schedule.lastRun": toOne("ScheduleRun", func(s *schedule.Schedule) *uuid.UUID { return &s.ID },
			func(l *loaders) *batch[*schedule.Run] { return l.lastRuns }),
		"Schedule.runs": toMany("ScheduleRun", "runs", func(s *schedule.Schedule) uuid.UUID { return s.ID }, withoutFilter,
			func(st *store.Store) readChildren[noFilter, *schedule.Run] { return unfiltered(st.RunsOf) }),
		"Schedule.nextRuns":    toOne("", releasedOf, func(l *loaders) *batch[[]time.Time] { return l.releases }),
		"ScheduleRun.schedule": toOne("Schedule", func(r *schedule.Run) *uuid.UUID { return &r.ScheduleID }, toSchedules),
		"ScheduleRun.task": toOne("TaskResult", func(r *schedule.Run) *uuid.UUID { return &r.TaskID },
			func(l *loaders) *batch[*task.Task] { return l.tasks }),
		"Order.schedules": toLists("Schedule", func(o *order.Order) uuid.UUID { return o.ID },
			func(l *loaders) *batch[[]*schedule.Schedule] { return l.own }),
	}
}

// releasedOf names the order whose releases are a schedule's slots, if they are.
func releasedOf(s *schedule.Schedule) *uuid.UUID {
	if s.Rule.Kind != schedule.Pacing {
		return nil
	}
	return s.OrderID
}
