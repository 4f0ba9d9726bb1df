package worker

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// Metrics are what the engine counts and measures.
type Metrics struct {
	announcements *prometheus.CounterVec
	claims        *prometheus.CounterVec
	tasks         *prometheus.CounterVec
	durations     *prometheus.HistogramVec
	delays        *prometheus.HistogramVec
	running       *prometheus.GaugeVec
	depth         *prometheus.GaugeVec
	oldest        *prometheus.GaugeVec
	leading       prometheus.Gauge
	draining      prometheus.Gauge
	paused        *prometheus.GaugeVec
	rollupLag     prometheus.Gauge
	lost          prometheus.Counter
	calls         *prometheus.HistogramVec
	slots         *prometheus.CounterVec
	lateness      prometheus.Histogram
}

const namespace = "boostress"

// NewMetrics returns metrics that register shows; nil: nobody sees them.
func NewMetrics(register prometheus.Registerer) *Metrics {
	fast := []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	slow := []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}
	add := promauto.With(register)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return add.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return add.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return add.NewHistogramVec(
			prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	}
	return &Metrics{
		announcements: counter("announcements_total", "Task ids pushed to the workers' lists, or dropped.", "result"),
		claims:        counter("claims_total", "Tasks claimed from a list, or directly while Redis was away.", "queue", "source"),
		tasks:         counter("task_runs_total", "Runs of tasks, by how they ended.", "kind", "outcome"),
		durations:     histogram("task_run_seconds", "Duration of runs.", slow, "kind"),
		delays:        histogram("task_start_delay_seconds", "From when a task was due to its start.", fast, "queue"),
		running:       gauge("tasks_running", "Runs of this process at this moment.", "queue"),
		depth:         gauge("queue_tasks", "Tasks in a queue; only the leader tells.", "queue", "state"),
		oldest:        gauge("queue_oldest_seconds", "Age of the oldest waiting task; only the leader tells.", "queue"),
		leading: add.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "sweeper_leading", Help: "1 in the process that sweeps.",
		}),
		draining: add.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "worker_draining", Help: "1 in a process that was told to take no more tasks.",
		}),
		paused: gauge("queue_paused", "1 for a queue that is paused; only the leader tells.", "queue"),
		rollupLag: add.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "rollup_lag_seconds",
			Help: "Until how long ago finished tasks are counted for statistics; only the leader tells.",
		}),
		lost: add.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "worker_registrations_lost_total",
			Help: "Times this worker missed its heartbeats and registered anew.",
		}),
		calls: histogram("provider_call_seconds", "Calls to providers.", slow, "provider", "operation", "class"),
		slots: counter("schedule_slots_total", "Slots of schedules, by what became of them: fired, skipped or missed.", "outcome"),
		lateness: add.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "schedule_lateness_seconds", Buckets: fast,
			Help: "From a slot to the commit by which it fired; but for slots that waited for the end of a run.",
		}),
	}
}

func (m *Metrics) announced(result string, count int) {
	if count > 0 {
		m.announcements.WithLabelValues(result).Add(float64(count))
	}
}

func (m *Metrics) claimed(queue task.Queue, source string, tasks []task.Task) {
	m.claims.WithLabelValues(string(queue), source).Add(float64(len(tasks)))
	delays := m.delays.WithLabelValues(string(queue))
	for i := range tasks {
		if tasks[i].StartedAt != nil {
			delays.Observe(max(0, tasks[i].StartedAt.Sub(tasks[i].DueAt).Seconds()))
		}
	}
}

func (m *Metrics) ended(kind task.Kind, outcome string, took time.Duration) {
	m.tasks.WithLabelValues(string(kind), outcome).Inc()
	m.durations.WithLabelValues(string(kind)).Observe(took.Seconds())
}

func (m *Metrics) depths(list []store.QueueDepth) {
	m.depth.Reset()
	m.oldest.Reset()
	for _, d := range list {
		for state, count := range map[string]int{"waiting": d.Waiting, "running": d.Running, "delayed": d.Delayed} {
			m.depth.WithLabelValues(string(d.Queue), state).Set(float64(count))
		}
		m.oldest.WithLabelValues(string(d.Queue)).Set(d.Oldest.Seconds())
	}
}

func (m *Metrics) pauses(paused []task.Queue) {
	for _, queue := range task.Queues() {
		value := 0.0
		if slices.Contains(paused, queue) {
			value = 1
		}
		m.paused.WithLabelValues(string(queue)).Set(value)
	}
}

func (m *Metrics) called(provider, operation, class string, took time.Duration) {
	m.calls.WithLabelValues(provider, operation, class).Observe(took.Seconds())
}

// scheduled counts what a committed firing did, took being the time since it began.
func (m *Metrics) scheduled(f *firing, took time.Duration) {
	var skipped, missed int64
	for _, step := range f.steps {
		skipped, missed = skipped+step.Skipped, missed+step.Missed
	}
	for outcome, count := range map[string]int64{"fired": int64(len(f.runs)), "skipped": skipped, "missed": missed} {
		m.slots.WithLabelValues(outcome).Add(float64(count))
	}
	for _, late := range f.lateness {
		m.lateness.Observe((late + took).Seconds())
	}
}
