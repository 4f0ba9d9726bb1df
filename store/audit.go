package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/store/internal/db"
)

func auditEntryOf(row db.AuditEntry) account.AuditEntry {
	return account.AuditEntry{
		ID: row.ID, AccountID: row.AccountID, Actor: row.Actor, Action: account.Action(row.Action), TargetID: row.TargetID,
		Details: row.Details, CreatedAt: row.CreatedAt.UTC(),
	}
}

// AuditEntries returns an account's entries of these ids, by id; those that don't exist there are left out.
func (s *Store) AuditEntries(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]account.AuditEntry, error) {
	list, err := s.queries.AuditGetMany(ctx, accountID, ids)
	if err != nil {
		return nil, domainError("read audit entries", err)
	}
	return byID(list, auditEntryOf, func(e account.AuditEntry) uuid.UUID { return e.ID }), nil
}

// Audit records what the transaction does. The entry's id and time are set here.
func (t *Tx) Audit(ctx context.Context, entry account.AuditEntry) error {
	return domainError("write audit entry", t.queries.AuditInsert(ctx, db.AuditInsertParams{
		ID: id.New(id.AuditEntry), AccountID: entry.AccountID, Actor: entry.Actor, Action: string(entry.Action),
		TargetID: entry.TargetID, Details: entry.Details, CreatedAt: t.Now,
	}))
}

// AuditRefusal records a refused try in the name of a user, who need not exist. Account and target of the entry are
// found here: the user and its account, or none and the first account.
func (t *Tx) AuditRefusal(ctx context.Context, username string, entry account.AuditEntry) error {
	return domainError("write audit entry", t.queries.AuditInsertRefusal(ctx, db.AuditInsertRefusalParams{
		ID: id.New(id.AuditEntry), Actor: entry.Actor, Action: string(entry.Action), Details: entry.Details,
		CreatedAt: t.Now, Username: username,
	}))
}
