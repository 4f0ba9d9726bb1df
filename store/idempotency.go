package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/google/uuid"

	"github.com/boostress/boostress/store/internal/db"
)

// Claim is the use of an idempotency key by one request.
type Claim struct {
	AccountID uuid.UUID
	Mutation  string
	Key       string
	BodyHash  []byte      // of the canonical input without the key
	ResultIDs []uuid.UUID // of what the request made; stored for later requests
}

func (c *Claim) lockID() int64 {
	sum := fnv.New64a()
	for _, part := range []string{c.AccountID.String(), c.Mutation, c.Key} {
		// Write of a hash never fails.
		_, _ = sum.Write([]byte(part + "\x00"))
	}
	return int64(binary.BigEndian.Uint64(sum.Sum(nil))) //nolint:gosec // any number will do
}

// TryKeys takes the keys for the rest of the transaction. held tells which it got: another transaction is using the
// others right now. earlier holds, by place, the claim that an earlier request left, nil where there is none.
func (t *Tx) TryKeys(ctx context.Context, claims []Claim) (held []bool, earlier []*Claim, err error) {
	held, err = t.queries.IdempotencyLock(ctx, column(claims, func(c Claim) int64 { return c.lockID() }))
	if err != nil {
		return nil, nil, fmt.Errorf("lock idempotency keys: %w", err)
	}
	list, err := t.queries.IdempotencyGet(ctx,
		column(claims, func(c Claim) uuid.UUID { return c.AccountID }),
		column(claims, func(c Claim) string { return c.Mutation }),
		column(claims, func(c Claim) string { return c.Key }))
	if err != nil {
		return nil, nil, fmt.Errorf("read idempotency keys: %w", err)
	}
	type place struct {
		account       uuid.UUID
		mutation, key string
	}
	known := make(map[place]*Claim, len(list))
	for _, row := range list {
		known[place{row.AccountID, row.Mutation, row.Key}] = &Claim{
			AccountID: row.AccountID, Mutation: row.Mutation, Key: row.Key, BodyHash: row.BodyHash, ResultIDs: row.ResultIds,
		}
	}
	earlier = column(claims, func(c Claim) *Claim { return known[place{c.AccountID, c.Mutation, c.Key}] })
	return held, earlier, nil
}

// KeepKeys stores the claims with what their requests made.
func (t *Tx) KeepKeys(ctx context.Context, claims []Claim) error {
	if len(claims) == 0 {
		return nil
	}
	err := t.queries.IdempotencyInsert(ctx, db.IdempotencyInsertParams{
		AccountIds: column(claims, func(c Claim) uuid.UUID { return c.AccountID }),
		Mutations:  column(claims, func(c Claim) string { return c.Mutation }),
		Keys:       column(claims, func(c Claim) string { return c.Key }),
		BodyHashes: column(claims, func(c Claim) []byte { return c.BodyHash }),
		ResultIds:  column(claims, func(c Claim) string { return textOfIDs(c.ResultIDs) }),
		Now:        t.Now,
	})
	return domainError("keep idempotency keys", err)
}
