// Package failpoint names the places where tests kill a process, and the rules that tests break to see that it is
// noticed. All of it is compiled in by the build tag failpoints and only then: without it every call is nothing at all.
//
// With the tag, a process reads from its environment
//
//	BOOSTRESS_FAILPOINT     a point, the how manieth time it is met (1 where left out), and what to do then: kill
//	                        (the default) or stop, e.g. "worker-sent:3" or "worker-answered:1:stop"
//	BOOSTRESS_BREAK         a rule to break, e.g. "claim-token"
//	BOOSTRESS_CLOCK_OFFSET  how far its clock is off, and after how long it jumps there, e.g. "-2h" or "2h@5s"
package failpoint

// Point is a place in the program.
type Point string

// Where a process can be made to die. Each is met once for each order, task, batch or slot.
const (
	APIBeforeCommit Point = "api-before-commit" // orders are written and not committed
	APIAfterCommit  Point = "api-after-commit"  // committed, and nobody was told
	APIBeforeReply  Point = "api-before-reply"  // workers were told, the client was not

	WorkerClaimed  Point = "worker-claimed"  // tasks are claimed
	WorkerIntended Point = "worker-intended" // attempts are committed as in flight
	WorkerSent     Point = "worker-sent"     // a create's request has been written to the provider
	WorkerAnswered Point = "worker-answered" // the provider's reply is here, and not recorded
	WorkerRecorded Point = "worker-recorded" // the outcome is committed

	SlotBeforeCommit Point = "slot-before-commit" // a schedule's slot is taken and not committed
	SlotAfterCommit  Point = "slot-after-commit"  // committed, and no worker was told of its task

	PartitionDetached Point = "partition-detached" // results are out of the record, and in no file
	PartitionArchived Point = "partition-archived" // they are in a file, and not dropped
)

// Points lists all.
func Points() []Point {
	return []Point{
		APIBeforeCommit, APIAfterCommit, APIBeforeReply, WorkerClaimed, WorkerIntended, WorkerSent, WorkerAnswered,
		WorkerRecorded, SlotBeforeCommit, SlotAfterCommit, PartitionDetached, PartitionArchived,
	}
}

// Rule is one that was broken once, and doubled orders or lost their tasks.
type Rule string

// The rules that can be broken.
const (
	// ClaimToken: each claim has a token of its own, and every later write names it. Broken, a claim is known by its
	// worker.
	ClaimToken Rule = "claim-token"
	// PushAfterCommit: ids are pushed to the lists after the commit. Broken, they are pushed before.
	PushAfterCommit Rule = "push-after-commit"
)
