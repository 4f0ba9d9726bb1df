package fulfillment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// The fields of inputs that several use cases find faults with.
const (
	fieldKey        = "idempotencyKey"
	fieldExternalID = "externalId"
)

// Once runs create under an idempotency key, or, where an earlier request with this key and the same input did so,
// returns the id of what that one made. Without a key it just runs create.
func Once(
	ctx context.Context, tx *store.Tx, who account.Principal, mutation, key string, input any,
	create func() (uuid.UUID, error),
) (uuid.UUID, error) {
	if key == "" {
		return create()
	}
	if err := order.CheckKey(key).Err(); err != nil {
		return uuid.Nil, err
	}
	body, err := json.Marshal(input)
	if err != nil {
		return uuid.Nil, fmt.Errorf("hash input: %w", err)
	}
	sum := sha256.Sum256(body)
	claim := store.Claim{AccountID: who.AccountID, Mutation: mutation, Key: key, BodyHash: sum[:]}
	held, earlier, err := tx.TryKeys(ctx, []store.Claim{claim})
	switch {
	case err != nil:
		return uuid.Nil, err
	case earlier[0] != nil && !bytes.Equal(earlier[0].BodyHash, claim.BodyHash):
		return uuid.Nil, keyFault(order.CodeIdempotencyKeyReused, order.ErrKeyReused)
	case earlier[0] != nil:
		return earlier[0].ResultIDs[0], nil
	case !held[0]:
		return uuid.Nil, keyFault(order.CodeIdempotencyInProgress, order.ErrKeyInProgress)
	}
	made, err := create()
	if err != nil {
		return uuid.Nil, err
	}
	claim.ResultIDs = []uuid.UUID{made}
	return made, tx.KeepKeys(ctx, []store.Claim{claim})
}

// changedCatalog records who changed a thing of the catalog, and has what found no offer so far looked at again.
func changedCatalog(
	ctx context.Context, tx *store.Tx, who account.Principal, action account.Action, target uuid.UUID,
) error {
	err := tx.Audit(ctx, account.AuditEntry{AccountID: who.AccountID, Actor: who.Actor, Action: action, TargetID: &target})
	if err != nil {
		return err
	}
	return tx.CatalogChanged(ctx, who.AccountID)
}

func keyFault(code order.Code, reason error) order.Faults {
	return order.Faults{{Field: []string{fieldKey}, Code: code, Message: reason.Error()}}
}
