package feed

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Record is an event as it is stored and carried. What only its last reader needs to understand stays JSON.
type Record struct {
	ID            int64           `json:"id"`  // ascending within an order; not in commit order
	XID           uint64          `json:"xid"` // the transaction that wrote it
	AccountID     uuid.UUID       `json:"account"`
	OrderID       uuid.UUID       `json:"order"`
	FulfillmentID *uuid.UUID      `json:"fulfillment,omitempty"`
	Sequence      int             `json:"sequence"` // within the order, from 1 without a gap
	Kind          string          `json:"kind"`
	Actor         string          `json:"actor"`
	OccurredAt    time.Time       `json:"at"`
	Changes       json.RawMessage `json:"changes"`
	Snapshot      json.RawMessage `json:"snapshot"` // the order's scalars as of the event
}

// Ref is where a record is found.
type Ref struct {
	ID  int64
	XID uint64
}

// Head is where the feed stood at some moment.
type Head struct {
	// Snapshot sees every event that had been committed. What it sees is durable: after a crash of the server no
	// transaction id that it sees is given out again.
	Snapshot Snapshot
	// Epoch names the history that transaction ids belong to. A restore or a failover begins another.
	Epoch string
	// Floor is the highest transaction whose events retention has removed. Who has not seen all up to it can't be told
	// what was missed.
	Floor uint64
}

// Window is a part of the feed: what To sees and From does not, with an id greater than After, of one account or, with
// nil, of all. Both snapshots are of the same server, and From is not the newer one.
type Window struct {
	From, To  Snapshot
	After     int64
	AccountID *uuid.UUID
}
