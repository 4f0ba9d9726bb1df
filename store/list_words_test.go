package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/store"
)

// A word that all have is found among the first rows, one that only older rows have behind them.
func TestWordsAreFoundInBothWays(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	account := uuid.New()
	execute(t, st, `INSERT INTO task_results (id, account_id, kind, queue, priority, state, attempt, max_attempts, due_at, enqueued_at,
			finished_at, error)
		SELECT lpad(to_hex(n), 32, '0')::uuid, $1, 'EXPORT', 'system', 0, 'FAILURE', 1, 2, at - interval '2 s', at - interval '1 s', at,
			'common' || CASE WHEN n <= 3 THEN ' rare' ELSE '' END
		FROM generate_series(1, 3700) n, now() at`, account)
	for word, want := range map[string][]byte{"common": {116, 115, 114, 113}, "rare": {3, 2, 1}, "rar": {3, 2, 1}, "other": nil} {
		slice, err := st.TaskList(t.Context(), account, store.TaskFilter{Search: []string{word}}, store.Sort{Desc: true}, store.Page{Size: 4})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte // the last byte of their ids: 3,700 is 14 * 256 + 116
		for _, found := range slice.Items {
			got = append(got, found.ID[15])
		}
		if diff := cmp.Diff(want, got); diff != "" || slice.More != (word == "common") {
			t.Errorf("%s (-want +got), more %v:\n%s", word, slice.More, diff)
		}
	}
}
