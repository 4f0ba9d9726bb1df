package task_test

import (
	"testing"

	"github.com/boostress/boostress/task"
)

func TestStates(t *testing.T) {
	t.Parallel()
	reached := map[task.State]bool{task.Pending: true}
	for range task.States() {
		for _, state := range task.States() {
			for _, next := range state.Next() {
				reached[next] = reached[next] || reached[state]
			}
		}
	}
	final := map[task.State]bool{task.Success: true, task.Failure: true, task.Revoked: true}
	for _, state := range task.States() {
		if !reached[state] || state.Final() != final[state] {
			t.Errorf("%s: reached %t, final %t", state, reached[state], state.Final())
		}
	}
	if len(reached) != len(task.States()) {
		t.Errorf("%v are reached, %v are listed", reached, task.States())
	}
}
