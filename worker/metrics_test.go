package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	registry := prometheus.NewRegistry()
	metrics := worker.NewMetrics(registry)
	e.worker(func(_ context.Context, run task.Task) (json.RawMessage, error) {
		if run.Priority == 9 {
			return nil, errBad
		}
		return nil, nil
	}, func(o *worker.Options) { o.Metrics = metrics })
	e.insert(append(newTasks(3, nil),
		newTask(func(n *task.Task) { n.Priority, n.MaxAttempts = 9, 1 }),
		newTask(func(n *task.Task) { n.DueAt = time.Now().Add(time.Hour) }))...)
	e.execute("UPDATE tasks SET announced_at = NULL WHERE due_at <= now()")
	e.pauseQueue(task.QueueStatus)
	// Only now: it would count as lost what a busy machine leaves as it is for long.
	e.sweeper(func(o *worker.SweeperOptions) { o.Metrics, o.Every = metrics, 100*time.Millisecond })
	e.finished(task.Success, 3)
	e.finished(task.Failure, 1)
	for _, want := range []string{
		`boostress_announcements_total{result="again"} 4`,
		`boostress_claims_total{queue="dispatch",source="list"} 4`,
		`boostress_task_runs_total{kind="TEST",outcome="success"} 3`,
		`boostress_task_runs_total{kind="TEST",outcome="dead"} 1`,
		`boostress_task_run_seconds{kind="TEST"} 4`,
		`boostress_task_start_delay_seconds{queue="dispatch"} 4`,
		`boostress_tasks_running{queue="dispatch"} 0`,
		`boostress_queue_tasks{queue="dispatch",state="delayed"} 1`,
		`boostress_queue_tasks{queue="dispatch",state="waiting"} 0`,
		`boostress_sweeper_leading 1`,
		`boostress_queue_paused{queue="dispatch"} 0`,
		`boostress_queue_paused{queue="status"} 1`,
		`boostress_worker_draining 0`,
	} {
		testkit.Eventually(t, patience, "metrics show "+want, func() bool { return strings.Contains(gather(t, registry), want+"\n") })
	}
}

// gather lists all metrics, a line each; histograms with their count.
func gather(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
			fmt.Fprintf(&list, "%s %v\n", name, value)
		}
	}
	return list.String()
}
