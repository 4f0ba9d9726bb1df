// Package scheduling holds the use cases of schedules: each exported method of Service that changes something is one
// transaction. What fires them is in the packages store and worker.
package scheduling
