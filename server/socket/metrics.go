package socket

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count sockets and what runs on them.
type Metrics struct {
	sockets    prometheus.Gauge
	operations prometheus.Gauge
	closed     *prometheus.CounterVec
	sent       prometheus.Counter
}

// NewMetrics makes the metrics and registers them, unless registerer is nil. It panics where they are registered
// already, as the registerer does.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	name := func(name string) string { return prometheus.BuildFQName("boostress", "socket", name) }
	m := &Metrics{
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{Name: name("open"), Help: "Open websockets."}),
		operations: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: name("operations"), Help: "Operations that run on websockets.",
		}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name("closed_total"), Help: "Websockets that we closed, by code.",
		}, []string{"code"}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{Name: name("sent_total"), Help: "Messages written to websockets."}),
	}
	if registerer != nil {
		registerer.MustRegister(m.sockets, m.operations, m.closed, m.sent)
	}
	return m
}

func (m *Metrics) close(code int) { m.closed.WithLabelValues(strconv.Itoa(code)).Inc() }
