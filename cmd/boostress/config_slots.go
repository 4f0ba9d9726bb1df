package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// slots are how many tasks of each queue a worker of this process runs at a time.
func (s *settings) slots() map[task.Queue]int {
	slots := worker.DefaultSlots()
	for name, count := range s.Slots {
		slots[task.Queue(name)] = count
	}
	return slots
}

// slotFaults names what is wrong with the slots.
func (s *settings) slotFaults() []string {
	const flag = "--slots (BOOSTRESS_SLOTS)"
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(s.Slots)) {
		if !slices.Contains(task.Queues(), task.Queue(name)) {
			faults = append(faults, fmt.Sprintf("%s: there is no queue %q, only dispatch, status and system", flag, name))
		} else if count := s.Slots[name]; count < 0 || count > mostSlots {
			faults = append(faults, fmt.Sprintf("%s: %s must be 0 to %d", flag, name, mostSlots))
		}
	}
	if len(faults) > 0 {
		return faults
	}
	for _, count := range s.slots() {
		if count > 0 {
			return nil
		}
	}
	return []string{flag + ": all queues have 0: to run no tasks, leave the role worker out of --roles"}
}
