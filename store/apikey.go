package store

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/store/internal/db"
)

// APIKeyProof is what the record knows about an API key at a moment of the database's clock.
type APIKeyProof struct {
	Key      account.APIKey
	Currency string // the account's
	At       time.Time
}

func apiKeyOf(row db.APIKey) account.APIKey {
	return account.APIKey{
		ID: row.ID, AccountID: row.AccountID, Name: row.Name, Prefix: row.Prefix, Role: account.Role(row.Role),
		TestMode: row.TestMode, CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt.UTC(), ExpiresAt: utc(row.ExpiresAt),
		LastUsedAt: utc(row.LastUsedAt), RevokedAt: utc(row.RevokedAt),
	}
}

func apiKeyProofOf(row db.APIKeyProveRow) APIKeyProof {
	return APIKeyProof{Key: apiKeyOf(row.APIKey), Currency: row.Currency, At: row.At.UTC()}
}

// APIKeyByHash returns the key whose secret has this hash, revoked and expired ones included, or order.ErrNotFound.
func (s *Store) APIKeyByHash(ctx context.Context, keyHash []byte) (APIKeyProof, error) {
	row, err := s.queries.APIKeyProve(ctx, keyHash)
	if err != nil {
		return APIKeyProof{}, domainError("read API key", err)
	}
	return apiKeyProofOf(row), nil
}

// APIKeyByID returns a key, revoked and expired ones included, or order.ErrNotFound.
func (s *Store) APIKeyByID(ctx context.Context, keyID uuid.UUID) (APIKeyProof, error) {
	row, err := s.queries.APIKeyProveAgain(ctx, keyID)
	if err != nil {
		return APIKeyProof{}, domainError("read API key", err)
	}
	return apiKeyProofOf(db.APIKeyProveRow(row)), nil
}

// APIKeys returns an account's keys of these ids, by id; those that don't exist there are left out.
func (s *Store) APIKeys(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]account.APIKey, error) {
	list, err := s.queries.APIKeyGetMany(ctx, accountID, ids)
	if err != nil {
		return nil, domainError("read API keys", err)
	}
	return byID(list, apiKeyOf, func(k account.APIKey) uuid.UUID { return k.ID }), nil
}

// InsertAPIKey adds a key with the hash of its secret.
func (t *Tx) InsertAPIKey(ctx context.Context, key account.APIKey, keyHash []byte) error {
	return domainError("insert API key", t.queries.APIKeyInsert(ctx, db.APIKeyInsertParams{
		ID: key.ID, AccountID: key.AccountID, Name: key.Name, Prefix: key.Prefix, KeyHash: keyHash, Role: string(key.Role),
		TestMode: key.TestMode, CreatedBy: key.CreatedBy, CreatedAt: key.CreatedAt, ExpiresAt: key.ExpiresAt,
	}))
}

// LockAPIKey returns an account's key and keeps others from changing it until the transaction ends. It fails with
// order.ErrNotFound.
func (t *Tx) LockAPIKey(ctx context.Context, accountID, keyID uuid.UUID) (account.APIKey, error) {
	row, err := t.queries.APIKeyLock(ctx, accountID, keyID)
	if err != nil {
		return account.APIKey{}, domainError("lock API key", err)
	}
	return apiKeyOf(row), nil
}

// RevokeAPIKey marks a locked key as revoked now.
func (t *Tx) RevokeAPIKey(ctx context.Context, keyID uuid.UUID) error {
	return domainError("revoke API key", t.queries.APIKeyRevoke(ctx, t.Now, keyID))
}

// TouchAPIKeys records when keys were last used.
func (t *Tx) TouchAPIKeys(ctx context.Context, used map[uuid.UUID]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	ids, ats := make([]uuid.UUID, 0, len(used)), make([]time.Time, 0, len(used))
	for keyID, at := range used {
		ids, ats = append(ids, keyID), append(ats, at)
	}
	return domainError("touch API keys", t.queries.APIKeyTouch(ctx, ids, ats))
}
