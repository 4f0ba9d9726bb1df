package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/boostress/boostress/store"
)

// unsettledCounts shows what of all accounts nobody knows, and what only a person can find out, and for how long.
type unsettledCounts struct {
	unsettled tally[store.Unsettled]
	log       *slog.Logger
	number    *prometheus.Desc
	oldest    *prometheus.Desc
}

func newUnsettledCounts(count func(context.Context) (store.Unsettled, error), log *slog.Logger) *unsettledCounts {
	labels := []string{"kind"}
	return &unsettledCounts{
		unsettled: tally[store.Unsettled]{count: count}, log: log,
		number: prometheus.NewDesc("boostress_unsettled",
			"UNKNOWN fulfillments and MANUAL attempts of all accounts, counted at most every 30 s.", labels, nil),
		oldest: prometheus.NewDesc("boostress_unsettled_oldest_seconds",
			"Since when the oldest of them has been so.", labels, nil),
	}
}

// Describe tells what Collect collects.
func (c *unsettledCounts) Describe(to chan<- *prometheus.Desc) {
	to <- c.number
	to <- c.oldest
}

// Collect counts them, unless that was done a moment ago.
func (c *unsettledCounts) Collect(to chan<- prometheus.Metric) {
	latest, err := c.unsettled.get()
	if err != nil {
		c.log.Warn("unknown outcomes not counted", "error", err)
		return
	}
	gauge := func(about *prometheus.Desc, value float64, kind string) {
		to <- prometheus.MustNewConstMetric(about, prometheus.GaugeValue, value, kind)
	}
	gauge(c.number, float64(latest.Unknown), "unknown_fulfillments")
	gauge(c.oldest, latest.OldestUnknown.Seconds(), "unknown_fulfillments")
	gauge(c.number, float64(latest.Manual), "manual_attempts")
	gauge(c.oldest, latest.OldestManual.Seconds(), "manual_attempts")
}
