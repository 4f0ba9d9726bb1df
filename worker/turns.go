package worker

import "github.com/boostress/boostress/task"

// turns are how often tasks were taken so far, by whoever takes them by priority.
type turns int

// shareOfLow is the share of the lower priorities: one turn in so many.
const shareOfLow = 8

// next returns at which priority the next turn begins: at the highest, but now and then at another one, each as often. So
// whatever waits is served in the end, however much of a higher priority comes.
func (t *turns) next() int {
	*t++
	if *t%shareOfLow != 0 {
		return task.MaxPriority
	}
	return int(*t / shareOfLow % task.MaxPriority)
}
