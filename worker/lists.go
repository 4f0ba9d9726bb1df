package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

var errEntry = errors.New("not a list entry")

// Lists are the ids of announced tasks in Redis, by queue and priority. They may vanish at any moment: the sweeper
// announces again what they lost.
type Lists struct {
	redis  redis.UniversalClient
	prefix string
}

// NewLists returns the lists that client holds under keys that begin with prefix (only tests need one). The client must
// honor its calls' deadlines (ContextTimeoutEnabled): a Redis that does not answer would hold up a worker otherwise.
func NewLists(client redis.UniversalClient, prefix string) *Lists {
	return &Lists{redis: client, prefix: prefix}
}

type listID struct {
	queue    task.Queue
	priority int
}

// push appends the tasks' entries to their lists in one round trip and returns how many it left out because their list
// was too long at the last push.
func (l *Lists) push(ctx context.Context, tasks []task.Task, lengths map[listID]int64) (dropped int, err error) {
	entries := make(map[listID][]any)
	for _, t := range tasks {
		list := listID{t.Queue, t.Priority}
		if lengths[list] >= longestList {
			dropped++
			continue
		}
		entries[list] = append(entries[list], entryOf(t.ID, *t.AnnouncedAt))
	}
	clear(lengths)
	pushed := make(map[listID]*redis.IntCmd, len(entries))
	_, err = l.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for list, values := range entries {
			key := listKey(l.prefix, list.queue, list.priority)
			pushed[list] = pipe.RPush(ctx, key, values...)
			pipe.Expire(ctx, key, listTTL)
		}
		return nil
	})
	if err != nil {
		return dropped, fmt.Errorf("push: %w", err)
	}
	for list, length := range pushed {
		lengths[list] = length.Val()
	}
	return dropped, nil
}

// popped is what was taken from a list.
type popped struct {
	key     string
	entries []string
	ids     []uuid.UUID // of the entries
}

// pop takes up to most ids from the first list of a queue that has any, in the order of listKeys, and waits for one as
// long as wait.
func (l *Lists) pop(ctx context.Context, queue task.Queue, first, most int, wait time.Duration) (taken popped, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait+popSlack)
	defer cancel()
	taken.key, taken.entries, err = l.redis.BLMPop(ctx, wait, "left", int64(most), listKeys(l.prefix, queue, first)...).Result()
	if errors.Is(err, redis.Nil) {
		return popped{}, nil
	}
	if err != nil {
		return popped{}, fmt.Errorf("pop: %w", err)
	}
	taken.ids = make([]uuid.UUID, 0, len(taken.entries))
	for _, entry := range taken.entries {
		id, _, err := readEntry(entry)
		if err != nil {
			return taken, err
		}
		taken.ids = append(taken.ids, id)
	}
	return taken, nil
}

// putBack puts what was taken where it was.
func (l *Lists) putBack(ctx context.Context, taken popped) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), popSlack)
	defer cancel()
	entries := make([]any, 0, len(taken.entries))
	for _, entry := range slices.Backward(taken.entries) {
		entries = append(entries, entry)
	}
	_, err := l.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.LPush(ctx, taken.key, entries...)
		pipe.Expire(ctx, taken.key, listTTL)
		return nil
	})
	if err != nil {
		return fmt.Errorf("put back: %w", err)
	}
	return nil
}

const (
	popSlack    = time.Second            // beyond the wait for a pop's answer
	pingTimeout = 300 * time.Millisecond // for a Redis that is there
)

// ping fails when Redis is away.
func (l *Lists) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := l.redis.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

// length returns how many entries a queue's lists have together.
func (l *Lists) length(ctx context.Context, queue task.Queue) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, popSlack)
	defer cancel()
	var lengths []*redis.IntCmd
	_, err := l.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range listKeys(l.prefix, queue, task.MaxPriority) {
			lengths = append(lengths, pipe.LLen(ctx, key))
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure lists: %w", err)
	}
	var total int64
	for _, length := range lengths {
		total += length.Val()
	}
	return total, nil
}

// marks returns the times on the oldest entries of a queue's lists.
func (l *Lists) marks(ctx context.Context, queue task.Queue) (store.Marks, error) {
	ctx, cancel := context.WithTimeout(ctx, popSlack)
	defer cancel()
	var marks store.Marks
	var oldest [len(marks)]*redis.StringCmd
	_, err := l.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for priority := range oldest {
			oldest[priority] = pipe.LIndex(ctx, listKey(l.prefix, queue, priority), 0)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return marks, fmt.Errorf("read oldest entries: %w", err)
	}
	for priority, entry := range oldest {
		switch {
		case errors.Is(entry.Err(), redis.Nil):
		case entry.Err() != nil:
			return marks, fmt.Errorf("read oldest entry: %w", entry.Err())
		default:
			if _, marks[priority], err = readEntry(entry.Val()); err != nil {
				return marks, err
			}
		}
	}
	return marks, nil
}
