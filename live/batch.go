package live

import (
	"encoding/json"
	"fmt"

	"github.com/boostress/boostress/internal/feed"
)

// batch is what the relay publishes: a window of the feed or, where that is long, a page of it. A batch without
// records tells how far the feed is.
type batch struct {
	Epoch   string        `json:"epoch"`
	From    feed.Snapshot `json:"from"`
	To      feed.Snapshot `json:"to"`
	After   int64         `json:"after,omitempty"` // the page begins behind this id
	Last    bool          `json:"last"`            // the page ends its window
	Records []feed.Record `json:"records,omitempty"`
}

// start is the position of who has read all before the batch.
func (b batch) start() position { return position{from: b.From, to: b.To, id: b.After} }

// end is the position of who has read the batch as well.
func (b batch) end() position {
	switch {
	case b.Last:
		return at(b.To)
	case len(b.Records) == 0:
		return b.start()
	default:
		return b.behind(b.Records[len(b.Records)-1])
	}
}

// behind is the position of who has read the batch up to a record.
func (b batch) behind(r feed.Record) position { return position{from: b.From, to: b.To, id: r.ID} }

func (b batch) encode() ([]byte, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("write batch: %w", err)
	}
	return text, nil
}

func decodeBatch(text string) (batch, error) {
	var b batch
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return batch{}, fmt.Errorf("read batch: %w", err)
	}
	return b, nil
}
