package task

// WorkerState is how a worker process stands.
type WorkerState string

// The states of a worker process.
const (
	WorkerRunning  WorkerState = "RUNNING"
	WorkerDraining WorkerState = "DRAINING" // it takes no more tasks, and runs what it has
	WorkerDrained  WorkerState = "DRAINED"  // it takes no more tasks, and runs none
	WorkerSilent   WorkerState = "SILENT"   // no sign of life for a term: what it ran is others' now
	WorkerStopped  WorkerState = "STOPPED"
)
