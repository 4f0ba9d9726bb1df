// Package schedule computes due times: of schedules, of retries, and of quantities that are released over time.
package schedule

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Schedule says what runs when. Each of its due times is a slot, and each slot fires once.
type Schedule struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Name      string // unique per account
	Rule      Rule
	TaskKind  string
	Arguments json.RawMessage
	Enabled   bool
	System    bool       // Boostress's own: can't be changed over the API
	NextAt    *time.Time // the next slot; nil: never again
	LastSlot  *time.Time // the latest slot that fired
	Runs      int64      // slots that fired so far
	CreatedAt time.Time
	UpdatedAt time.Time
}
