package store_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/store"
)

func TestAuditEntriesStay(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	write(t, st, func(tx *store.Tx) error {
		return tx.Audit(t.Context(), account.AuditEntry{
			AccountID: id.New(id.Account), Actor: "user:ada", Action: account.ActionSignIn,
		})
	})
	conn := connect(t, st)
	for _, statement := range []string{
		"UPDATE audit_entries SET actor = 'user:bob'", "DELETE FROM audit_entries", "TRUNCATE audit_entries",
	} {
		_, err := conn.Exec(t.Context(), statement)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: got %v, want a refusal", statement, err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if actors := query[string](t, st, "SELECT actor FROM audit_entries"); len(actors) != 1 || actors[0] != "user:ada" {
		t.Errorf("entries by %v are left", actors)
	}
}
