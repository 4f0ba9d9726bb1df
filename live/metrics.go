package live

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what passes through the live feed of one process.
type Metrics struct {
	subscriptions *prometheus.GaugeVec
	delivered     prometheus.Counter
	slow          prometheus.Counter
	lag           prometheus.Histogram
	backfills     prometheus.Counter
	published     prometheus.Counter
	leading       prometheus.Gauge
	dropped       prometheus.Counter
}

// NewMetrics makes the metrics and registers them, unless registerer is nil. It panics where they are registered
// already, as the registerer does.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	name := func(name string) string { return prometheus.BuildFQName("boostress", "live", name) }
	counter := func(short, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name(short), Help: help})
	}
	m := &Metrics{
		subscriptions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: name("subscriptions"), Help: "Open subscriptions, by what they follow.",
		}, []string{"kind"}),
		delivered: counter("delivered_total", "Events handed to subscriptions."),
		slow:      counter("slow_total", "Subscriptions ended because their reader fell behind."),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name("lag_seconds"), Help: "From the begin of an event's transaction to its arrival here, by two clocks.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), //nolint:mnd // 1 ms to 8 s
		}),
		backfills: counter("backfills_total", "Gaps filled from Postgres."),
		published: counter("published_total", "Events that this process published as the relay's leader."),
		leading:   prometheus.NewGauge(prometheus.GaugeOpts{Name: name("leading"), Help: "1 while this process leads the relay."}),
		dropped:   counter("results_dropped_total", "Finished tasks that were not announced, because too many came at once."),
	}
	if registerer != nil {
		registerer.MustRegister(m.subscriptions, m.delivered, m.slow, m.lag, m.backfills, m.published, m.leading, m.dropped)
	}
	return m
}
