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

// orderCounts shows how many orders are in each state.
type orderCounts struct {
	count func(context.Context) (map[order.Status]int64, error)
	log   *slog.Logger
	about *prometheus.Desc

	mu     sync.Mutex
	at     time.Time
	latest map[order.Status]int64
}

func newOrderCounts(count func(context.Context) (map[order.Status]int64, error), log *slog.Logger) *orderCounts {
	return &orderCounts{count: count, log: log, about: prometheus.NewDesc(
		"boostress_orders", "Orders by state, of all accounts, counted at most every 30 s.", []string{"status"}, nil,
	)}
}

// Describe tells what Collect collects.
func (c *orderCounts) Describe(to chan<- *prometheus.Desc) { to <- c.about }

// Collect counts the orders, unless that was done a moment ago.
func (c *orderCounts) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) > countEvery {
		ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
		defer cancel()
		counted, err := c.count(ctx)
		if err != nil {
			c.log.WarnContext(ctx, "orders not counted", "error", err)
			return
		}
		c.at, c.latest = time.Now(), counted
	}
	for _, status := range order.Statuses() {
		to <- prometheus.MustNewConstMetric(c.about, prometheus.GaugeValue, float64(c.latest[status]), string(status))
	}
}
