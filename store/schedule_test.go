package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
)

func TestScheduleSeed(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	seed := schedule.Schedule{
		ID: id.New(id.Schedule), Name: "retention", Rule: schedule.Rule{Kind: schedule.Interval, Every: time.Hour},
		TaskKind: "RETENTION", NextAt: new(time.Now().UTC().Add(-time.Minute).Truncate(time.Microsecond)), Queue: "system",
		Overlap: schedule.OverlapSkip, Misfire: schedule.MisfireOnce, MisfireLimit: 1, CreatedBy: "system",
		Arguments: json.RawMessage("{}"), Enabled: true, System: true,
	}
	if err := st.ScheduleSeed(t.Context(), seed); err != nil {
		t.Fatal(err)
	}
	if got := query[string](t, st, "SELECT name FROM schedules"); len(got) != 0 {
		t.Fatalf("seeded %v without an account", got)
	}
	seed.AccountID = id.New(id.Account)
	execute(t, st, "INSERT INTO accounts (id, name, created_at) VALUES ($1, 'default', now())", seed.AccountID)
	for range 2 {
		if err := st.ScheduleSeed(t.Context(), seed); err != nil {
			t.Fatal(err)
		}
	}
	write(t, st, func(tx *store.Tx) error {
		due, err := tx.ScheduleDue(t.Context(), 10, nil)
		ignored := cmpopts.IgnoreFields(schedule.Schedule{}, "CreatedAt", "UpdatedAt")
		if diff := cmp.Diff([]schedule.Schedule{seed}, due, ignored, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
		return err
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	for _, statement := range []string{
		`INSERT INTO idempotency_keys SELECT gen_random_uuid(), 'createOrder', n::text, '', '{}', now() - n * interval '1 day'
			FROM generate_series(1, 12) n`,
		`INSERT INTO webhook_receipts SELECT gen_random_uuid(), n::text, now() - n * interval '1 day' FROM generate_series(1, 12) n`,
		`INSERT INTO schedule_slots SELECT '00000000-0000-0000-0000-000000000001', now() - n * interval '1 day', gen_random_uuid(),
			now() - n * interval '1 day' FROM generate_series(9, 12) n`,
		`INSERT INTO workers (id, host, pid, version, queues, heartbeat_at)
			SELECT gen_random_uuid(), '', 1, '', '{}', now() - n * interval '1 day' FROM generate_series(1, 12) n`,
		"INSERT INTO accounts (id, name, created_at) VALUES ('00000000-0000-0000-0000-000000000001', 'default', now())",
		`INSERT INTO bulk_operations (id, account_id, kind, state, arguments, total, created_by, role, test_mode, created_at, finished_at)
			SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 'CANCEL_ORDERS', 'CANCELED', '{}', 2, '', '', false, now(),
			NULLIF(now() - n * interval '1 day', now()) FROM generate_series(0, 12) n`,
		`INSERT INTO bulk_rows (operation_id, position, account_id, target_id)
			SELECT o.id, n, o.account_id, gen_random_uuid() FROM bulk_operations o, generate_series(0, 1) n`,
	} {
		execute(t, st, statement)
	}
	const keep = 7*24*time.Hour + time.Hour
	got, err := st.Forget(t.Context(), store.Keep{Keys: keep, Receipts: keep, Slots: keep, Workers: keep, Bulk: keep})
	if want := (store.Forgotten{Keys: 5, Receipts: 5, Slots: 3, Workers: 5, Bulk: 5}); err != nil || got != want {
		t.Errorf("forgot %+v, %v, want %+v", got, err, want)
	}
	if left := query[string](t, st, `SELECT (SELECT count(*) FROM bulk_operations) || ' ' || count(*) FROM bulk_rows r
		JOIN bulk_operations o ON o.id = r.operation_id`); left[0] != "8 16" {
		t.Errorf("operations and rows left: %s", left[0])
	}
}
