package server

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the figures of the HTTP side. Labels take few values, none of them a client's choice.
type metrics struct {
	requests   *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	operations *prometheus.CounterVec
	runtimes   *prometheus.HistogramVec
	documents  *prometheus.CounterVec
	webhooks   *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "boostress_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "boostress_" + name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), //nolint:mnd // 1 ms to 8 s
		}, labels)
	}
	m := &metrics{
		requests:  counter("http_requests_total", "HTTP requests answered.", "route", "status"),
		durations: histogram("http_request_seconds", "From a request's headers to the end of its answer, without websockets.", "route"),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "boostress_http_in_flight", Help: "HTTP requests being answered, websockets included.",
		}),
		operations: counter("graphql_operations_total",
			"GraphQL operations by type and outcome: ok, failed (with errors), timeout, refused (nothing ran), started (subscriptions).",
			"type", "outcome"),
		runtimes:  histogram("graphql_operation_seconds", "How long queries and mutations ran.", "type"),
		documents: counter("graphql_documents_total", "GraphQL documents: remembered, parsed or refused.", "outcome"),
		webhooks: counter("webhooks_received_total",
			"Webhooks from providers: taken, refused (bad signature), malformed, unknown (provider), failed.", "outcome"),
	}
	registry.MustRegister(m.requests, m.durations, m.inFlight, m.operations, m.runtimes, m.documents, m.webhooks)
	return m
}

// statusLabel spells a status without making a new text for the usual ones.
func statusLabel(status int) string {
	switch status {
	case 200:
		return "200"
	case 400:
		return "400"
	case 401:
		return "401"
	}
	return strconv.Itoa(status)
}
