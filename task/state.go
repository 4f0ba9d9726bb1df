package task

import "slices"

// transitions says which state may follow which. Finished tasks are records: their states are final.
var transitions = map[State][]State{
	Pending: {Started, Revoked},
	Started: {Success, Failure, Retry, Revoked, Pending}, // PENDING again where the run never began
	Retry:   {Started, Revoked},
	Success: {},
	Failure: {},
	Revoked: {},
}

// States lists every state of a task in the order of its life.
func States() []State { return []State{Pending, Started, Retry, Success, Failure, Revoked} }

// Next lists the states that may follow s.
func (s State) Next() []State { return slices.Clone(transitions[s]) }

// Final reports whether nothing can follow s: the task has ended, and is a record of its run.
func (s State) Final() bool { return len(transitions[s]) == 0 }
