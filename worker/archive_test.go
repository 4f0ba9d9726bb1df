package worker_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
	"github.com/boostress/boostress/worker"
)

// ran writes the record of a run that ended some days ago.
func (e *engine) ran(account uuid.UUID, state task.State, days int) uuid.UUID {
	e.t.Helper()
	made := id.New(id.Task)
	e.execute(`INSERT INTO task_results (id, account_id, kind, queue, priority, state, error, attempt, max_attempts, due_at, enqueued_at,
			started_at, finished_at)
		SELECT $1, $2, 'CHECK_PROVIDER', 'system', 0, $3, CASE WHEN $3 = 'SUCCESS' THEN '' ELSE 'no' END, 1, 5,
			at - interval '3 s', at - interval '2 s', at - interval '1 s', at
		FROM (SELECT now() - make_interval(days => $4) AS at) ended`, made, account, string(state), days)
	return made
}

// lines reads what was written below a folder, by file: a field of each line.
func lines(t *testing.T, folder, field string) map[string][]string {
	t.Helper()
	read := make(map[string][]string)
	files, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		for scanner := bufio.NewScanner(unpacked); scanner.Scan(); {
			var line map[string]any
			if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			text, _ := line[field].(string)
			read[filepath.Base(path)] = append(read[filepath.Base(path)], text)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return read
}

func sorted(ids ...uuid.UUID) []string {
	texts := make([]string, len(ids))
	for i, one := range ids {
		texts[i] = one.String()
	}
	slices.Sort(texts)
	return texts
}

func TestRetentionArchivesWhatItDrops(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		arguments string
		archived  bool
	}{
		"archived": {`{"archive": true, "keep": {"SUCCESS": "P3D", "FAILURE": "P30D"}}`, true},
		"dropped":  {`{"keep": {"SUCCESS": "P3D", "FAILURE": "P30D"}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, folder, account := newEngine(t), t.TempDir(), id.New(id.Account)
			for _, days := range []int{60, 20} { // partitions of the past; what ended then is not in the rest
				if err := e.store.TaskResultPartitions(t.Context(), time.Now().AddDate(0, 0, -days), 0); err != nil {
					t.Fatal(err)
				}
			}
			old := []uuid.UUID{e.ran(account, task.Success, 20), e.ran(id.New(id.Account), task.Success, 20)}
			rest := e.ran(account, task.Success, 10)
			failed := e.ran(account, task.Revoked, 60)
			kept := []uuid.UUID{e.ran(account, task.Success, 1), e.ran(account, task.Failure, 20), e.ran(account, task.Revoked, 20)}

			got := runOne(t, worker.Retention(e.store, folder), func(r *task.Task) { r.Arguments = json.RawMessage(tt.arguments) })
			if got.Err != nil {
				t.Fatal(got.Err)
			}
			if left := query[uuid.UUID](e, "SELECT id FROM task_results"); !slices.Equal(sorted(left...), sorted(kept...)) {
				t.Errorf("left %v, want %v", left, kept)
			}
			if tables := query[string](e, `SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname ~ '^task_results.*[0-9]{8,}$'
				AND oid NOT IN (SELECT inhrelid FROM pg_inherits)`); len(tables) > 0 {
				t.Errorf("taken out and not dropped: %v", tables)
			}
			var all []string
			for _, texts := range lines(t, folder, "id") {
				all = append(all, texts...)
			}
			slices.Sort(all)
			want := sorted(append(slices.Clone(old), rest, failed)...)
			if !tt.archived {
				want = nil
			}
			if diff := cmp.Diff(want, all); diff != "" {
				t.Errorf("archived (-want +got):\n%s", diff)
			}
		})
	}
}

// What was taken out of the record by a round that died is archived and dropped by the next one, once.
func TestRetentionGoesOn(t *testing.T) {
	t.Parallel()
	e, folder := newEngine(t), t.TempDir()
	if err := e.store.TaskResultPartitions(t.Context(), time.Now().AddDate(0, 0, -20), 0); err != nil {
		t.Fatal(err)
	}
	old := e.ran(id.New(id.Account), task.Success, 20)
	partitions, err := e.store.Partitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(partitions, func(p store.Partition) bool { return !p.Failed })
	if err := e.store.DetachPartition(t.Context(), partitions[at]); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "task-results"), 0o700); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(folder, "task-results", partitions[at].Name+".jsonl.gz")
	if err := os.WriteFile(half, []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := runOne(t, worker.Retention(e.store, folder), func(r *task.Task) { r.Arguments = json.RawMessage(`{"archive": true}`) })
		if got.Err != nil {
			t.Fatal(got.Err)
		}
	}
	want := map[string][]string{filepath.Base(half): {old.String()}}
	if diff := cmp.Diff(want, lines(t, folder, "id")); diff != "" {
		t.Errorf("archived (-want +got):\n%s", diff)
	}
}

func TestFilesNeedAFolder(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	for arguments, handler := range map[string]worker.Handler{
		`{"archive": true}`:  worker.Retention(e.store, ""),
		`{"what": "ORDERS"}`: worker.Export(e.store, ""),
	} {
		got := runOne(t, handler, func(r *task.Task) { r.Arguments = json.RawMessage(arguments) })
		failed, ok := errors.AsType[*worker.FailedError](got.Err)
		if !ok || !failed.Final || failed.Class != task.ErrorInput || !strings.Contains(got.Err.Error(), "BOOSTRESS_ARCHIVE_DIR") {
			t.Errorf("%s: %+v", arguments, got.Err)
		}
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	s, folder := newShop(t), t.TempDir()
	s.place(3)
	account := s.who.AccountID
	ordered := sorted(query[uuid.UUID](s.engine, "SELECT id FROM orders")...)
	ended := s.ran(account, task.Failure, 0)
	s.ran(id.New(id.Account), task.Success, 0) // another account's
	s.ran(account, task.Success, 2)            // before the slot before
	slot := query[time.Time](s.engine, "SELECT now()")[0].UTC()
	for what, want := range map[string][]string{"ORDERS": ordered, "TASK_RESULTS": {ended.String()}} {
		for range 2 { // the same slot makes the same file
			var got worker.Result
			testkit.Eventually(t, patience, "what began before the slot is over", func() bool {
				got = runOne(t, worker.Export(s.store, folder), func(r *task.Task) {
					r.AccountID = account
					r.Arguments = json.RawMessage(`{"what": "` + what + `", "run": {"slot": "` + slot.Format(time.RFC3339Nano) + `"}}`)
				})
				_, later := errors.AsType[*worker.LaterError](got.Err)
				return !later
			})
			var result struct {
				File string
				Rows int
			}
			if err := json.Unmarshal(got.Value, &result); err != nil || result.Rows != len(want) {
				t.Fatalf("%s: %s, %v, %v", what, got.Value, got.Err, err)
			}
			texts := lines(t, folder, "id")[filepath.Base(result.File)]
			slices.Sort(texts)
			slices.Sort(want)
			if diff := cmp.Diff(want, texts); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
	}
	if files, err := filepath.Glob(filepath.Join(folder, "exports", "*")); err != nil || len(files) != 2 {
		t.Errorf("files: %v, %v", files, err)
	}
}
