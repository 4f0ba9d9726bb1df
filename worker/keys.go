package worker

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/task"
)

// Keys in Redis:
//
//	boostress:{q:<queue>}:p<0-9>   list of entries, oldest first: one for each queue and priority
//
// The hash tag keeps the lists of a queue together in a cluster, because one command pops from all of them.

// listTTL lets the list of a queue that nobody pops go; the sweeper fills it again when somebody does.
const listTTL = time.Hour

// longestList bounds a list: further announcements are dropped, and found by the sweeper. Fairness keeps lists far
// shorter.
const longestList = 50_000

func listKey(prefix string, queue task.Queue, priority int) string {
	return prefix + "boostress:{q:" + string(queue) + "}:p" + strconv.Itoa(priority)
}

// listKeys returns the keys of a queue's lists: from a priority down to the lowest, and then from the highest on.
func listKeys(prefix string, queue task.Queue, first int) []string {
	const all = task.MaxPriority + 1
	keys := make([]string, 0, all)
	for step := range all {
		keys = append(keys, listKey(prefix, queue, (first-step+all)%all))
	}
	return keys
}

// An entry is a task's id and its announced_at in microseconds since 1970, by the database's clock.
const entrySize = 16 + 8

func entryOf(id uuid.UUID, announcedAt time.Time) string {
	var entry [entrySize]byte
	copy(entry[:], id[:])
	binary.BigEndian.PutUint64(entry[16:], uint64(announcedAt.UnixMicro()))
	return string(entry[:])
}

func readEntry(entry string) (uuid.UUID, time.Time, error) {
	if len(entry) != entrySize {
		return uuid.Nil, time.Time{}, fmt.Errorf("%w: %d bytes", errEntry, len(entry))
	}
	micros := binary.BigEndian.Uint64([]byte(entry[16:]))
	return uuid.UUID([]byte(entry[:16])), time.UnixMicro(int64(micros)).UTC(), nil //nolint:gosec // any time will do
}
