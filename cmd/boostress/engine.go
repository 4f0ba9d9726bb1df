package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/limit"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// serveWorker runs the tasks of every queue.
func (a *app) serveWorker(ctx context.Context, group *errgroup.Group) {
	providers := worker.NewProviders(worker.ProviderOptions{
		Adapters: a.adapters, Rates: limit.NewRates(a.redis, limit.RatesOptions{Log: a.log, Clock: failpoint.Now}),
		Breakers: a.store, Log: a.log, Metrics: a.engine,
	})
	dispatch := worker.Dispatch(a.service, providers)
	engine := worker.New(worker.Options{
		Store: a.store, Lists: a.lists, Slots: a.settings.slots(), Term: a.settings.Term, Grace: a.settings.DrainTimeout,
		Handlers: map[task.Kind]worker.Handler{
			task.KindDispatch:      dispatch,
			task.KindCancel:        dispatch,
			task.KindPollProvider:  worker.Poll(a.service, providers),
			task.KindCheckProvider: worker.CheckProvider(a.service, providers),
			task.KindSyncOffers:    worker.SyncOffers(a.service, a.schedules, providers),
			task.KindRetention:     worker.Retention(a.store, a.settings.ArchiveDir),
			task.KindBulk:          worker.Bulk(a.service),

			task.KindCreateOrder:      worker.CreateOrder(a.schedules),
			task.KindProcessOrder:     worker.ProcessOrder(a.schedules),
			task.KindEnforceDeadlines: worker.EnforceDeadlines(a.service.ApplyDeadlines),
			task.KindExport:           worker.Export(a.store, a.settings.ArchiveDir),
			task.KindWebhookPing:      worker.Ping(a.client, failpoint.Now),
		},
		AfterCommit: a.afterCommit, Version: version, Log: a.log, Metrics: a.engine,
	})
	group.Go(func() error { return engine.Run(ctx) })
}

// serveScheduler runs a scheduler, and a candidate for the sweeper.
func (a *app) serveScheduler(ctx context.Context, group *errgroup.Group) {
	a.metrics.MustRegister(newOrderCounts(a.store.OrdersByStatus, a.log), newUnsettledCounts(a.store.Unsettled, a.log))
	sweeper := worker.NewSweeper(worker.SweeperOptions{
		Store: a.store, Lists: a.lists, Upkeep: a.service, Term: a.settings.Term, Log: a.log, Metrics: a.engine,
	})
	scheduler := worker.NewScheduler(worker.SchedulerOptions{
		Store: worker.Schedules(a.store), AfterCommit: a.afterCommit, Log: a.log, Metrics: a.engine,
	})
	group.Go(func() error { return scheduler.Run(ctx) })
	group.Go(func() error {
		if err := sweeper.Run(ctx); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		return nil
	})
}
