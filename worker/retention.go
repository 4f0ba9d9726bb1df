package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/iso8601"
	"github.com/boostress/boostress/internal/jsonlines"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// How long things are kept.
const (
	keepKeys      = 7 * 24 * time.Hour // as the API promises
	keepReceipts  = 30 * 24 * time.Hour
	keepSlots     = 90 * 24 * time.Hour
	keepWorkers   = 90 * 24 * time.Hour // after they fell silent: as long as the results of what they ran
	keepBulk      = 30 * 24 * time.Hour
	keepSucceeded = 14 * 24 * time.Hour
	keepFailed    = 90 * 24 * time.Hour // or revoked
)

const (
	archivePage = 5000 // rows read at a time
	restPage    = 20_000
	// roleRetention is led by whoever drops what is past its keep: two would meet at the same files.
	roleRetention = "retention"
	retentionWait = time.Minute // for another one to be over
)

var (
	errArchive = errors.New("there is no folder for files: set --archive-dir (BOOSTRESS_ARCHIVE_DIR)")
	errWhat    = errors.New("no such thing is exported")
)

// Retention returns the handler that drops what is past its keep. What is archived before goes below folder; "": nothing
// can be.
func Retention(st *store.Store, folder string) Handler {
	return Each(func(ctx context.Context, t task.Task) (result json.RawMessage, err error) {
		r, err := newRetention(st, folder, t.Arguments)
		if err != nil {
			return nil, err
		}
		led, err := st.Lead(ctx, roleRetention, func(ctx context.Context) (err error) {
			result, err = r.run(ctx)
			return err
		})
		if err == nil && !led {
			err = &LaterError{After: retentionWait, Reason: "another one is on it", Free: true}
		}
		return result, err
	})
}

// retention is one round of dropping.
type retention struct {
	store   *store.Store
	archive string // where results go before they are dropped; "": nowhere
	keep    map[bool]time.Duration

	forgotten retained
}

// retained tells what a round did.
type retained struct {
	store.Forgotten

	Partitions int `json:"taskResultPartitions"` // that were dropped
	Results    int `json:"taskResults"`          // that were dropped one by one
	Archived   int `json:"archivedTaskResults"`
}

func newRetention(st *store.Store, folder string, arguments json.RawMessage) (*retention, error) {
	var given struct {
		Keep struct {
			Success string `json:"SUCCESS"`
			Failure string `json:"FAILURE"`
			Revoked string `json:"REVOKED"` // with those that failed
		} `json:"keep"`
		Archive bool `json:"archive"`
	}
	if len(arguments) > 0 {
		if err := json.Unmarshal(arguments, &given); err != nil {
			return nil, &FailedError{Class: task.ErrorInput, Final: true, Err: fmt.Errorf("read arguments: %w", err)}
		}
	}
	r := &retention{store: st, keep: map[bool]time.Duration{false: keepSucceeded, true: keepFailed}}
	for _, one := range []struct {
		failed bool
		text   string
	}{{false, given.Keep.Success}, {true, given.Keep.Revoked}, {true, given.Keep.Failure}} {
		if one.text == "" {
			continue
		}
		length, err := iso8601.ParseDuration(one.text)
		if err != nil {
			return nil, &FailedError{Class: task.ErrorInput, Final: true, Err: fmt.Errorf("read arguments: %w", err)}
		}
		r.keep[one.failed] = length
	}
	if given.Archive && folder == "" {
		return nil, errNoArchive()
	}
	if given.Archive {
		r.archive = filepath.Join(folder, "task-results")
	}
	return r, nil
}

func (r *retention) run(ctx context.Context) (json.RawMessage, error) {
	var err error
	r.forgotten.Forgotten, err = r.store.Forget(ctx, store.Keep{
		Keys: keepKeys, Receipts: keepReceipts, Slots: keepSlots, Workers: keepWorkers, Bulk: keepBulk,
	})
	if err != nil {
		return nil, err
	}
	_, now, err := r.store.RollupBound(ctx)
	if err != nil {
		return nil, err
	}
	partitions, err := r.store.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range partitions {
		if !p.Attached || !p.Until.After(now.Add(-r.keep[p.Failed])) {
			if err := r.drop(ctx, p); err != nil {
				return nil, err
			}
		}
	}
	for _, failed := range []bool{false, true} {
		if err := r.dropRest(ctx, failed, now.Add(-r.keep[failed])); err != nil {
			return nil, err
		}
	}
	result, err := json.Marshal(r.forgotten)
	if err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	return result, nil
}

// drop takes a partition out of the record, archives it as it is then for good, and drops it. Whatever ends it in between,
// the next round goes on, and writes the file anew.
func (r *retention) drop(ctx context.Context, p store.Partition) error {
	if p.Attached {
		if err := r.store.DetachPartition(ctx, p); err != nil {
			return err
		}
	}
	failpoint.Hit(failpoint.PartitionDetached)
	if r.archive != "" {
		count, err := jsonlines.Write(filepath.Join(r.archive, p.Name+".jsonl.gz"), func(row func(any) error) error {
			return r.rows(ctx, p, row)
		})
		if err != nil {
			return fmt.Errorf("archive %s: %w", p.Name, err)
		}
		r.forgotten.Archived += count
	}
	failpoint.Hit(failpoint.PartitionArchived)
	if err := r.store.DropPartition(ctx, p); err != nil {
		return err
	}
	r.forgotten.Partitions++
	return nil
}

func (r *retention) rows(ctx context.Context, p store.Partition, row func(any) error) error {
	for after := uuid.Nil; ; {
		page, err := r.store.PartitionRows(ctx, p, after, archivePage)
		if err != nil {
			return err
		}
		for _, t := range page {
			if err := row(recordOfTask(t)); err != nil {
				return err
			}
		}
		if len(page) < archivePage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// dropRest drops results one by one, a page of the oldest at a time. What is archived is taken out of the record before, as
// a partition is.
func (r *retention) dropRest(ctx context.Context, failed bool, before time.Time) error {
	for {
		if r.archive == "" {
			dropped, err := r.store.DropRest(ctx, failed, before, restPage)
			if r.forgotten.Results += dropped; err != nil || dropped == 0 {
				return err
			}
			continue
		}
		moved, count, err := r.store.DetachRest(ctx, failed, before, restPage)
		if err != nil {
			return err
		}
		if count == 0 {
			return r.store.DropPartition(ctx, moved)
		}
		if err := r.drop(ctx, moved); err != nil {
			return err
		}
	}
}
