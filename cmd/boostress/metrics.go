package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/boostress/boostress/order"
)

const (
	// Counting reads every order: it is done at most so often, however often metrics are read.
	countEvery   = 30 * time.Second
	countTimeout = 10 * time.Second
)

// tally is a count that is made anew only where the latest is older than countEvery.
type tally[T any] struct {
	count func(context.Context) (T, error)

	mu     sync.Mutex
	at     time.Time
	latest T
}

func (t *tally[T]) get() (T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.at) <= countEvery {
		return t.latest, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	counted, err := t.count(ctx)
	if err != nil {
		return counted, err
	}
	t.at, t.latest = time.Now(), counted
	return counted, nil
}

// orderCounts shows how many orders are in each state.
type orderCounts struct {
	orders tally[map[order.Status]int64]
	log    *slog.Logger
	about  *prometheus.Desc
}

func newOrderCounts(count func(context.Context) (map[order.Status]int64, error), log *slog.Logger) *orderCounts {
	return &orderCounts{orders: tally[map[order.Status]int64]{count: count}, log: log, about: prometheus.NewDesc(
		"boostress_orders", "Orders by state, of all accounts, counted at most every 30 s.", []string{"status"}, nil,
	)}
}

// Describe tells what Collect collects.
func (c *orderCounts) Describe(to chan<- *prometheus.Desc) { to <- c.about }

// Collect counts the orders, unless that was done a moment ago.
func (c *orderCounts) Collect(to chan<- prometheus.Metric) {
	latest, err := c.orders.get()
	if err != nil {
		c.log.Warn("orders not counted", "error", err)
		return
	}
	for _, status := range order.Statuses() {
		to <- prometheus.MustNewConstMetric(c.about, prometheus.GaugeValue, float64(latest[status]), string(status))
	}
}
