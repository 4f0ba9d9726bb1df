package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// APIKeyInput is an API key as asked for.
type APIKeyInput struct {
	IdempotencyKey string       `json:"-"`
	Name           string       `json:"name"` // at most account.MaxName bytes
	Role           account.Role `json:"role"`
	TestMode       bool         `json:"testMode"`  // reaches simulated providers only
	ExpiresAt      *time.Time   `json:"expiresAt"` // nil: never
}

// CreateAPIKey makes a key and returns it with its secret, which is not kept and can't be read again: a request that
// is repeated with its idempotency key gets the key and no secret. It fails with ErrForbidden for whoever is no admin,
// and with order.Faults.
func (s *Service) CreateAPIKey(
	ctx context.Context, who account.Principal, input APIKeyInput,
) (key account.APIKey, secret string, err error) {
	if who.Role != account.Admin {
		return account.APIKey{}, "", ErrForbidden
	}
	input.Name = strings.TrimSpace(input.Name)
	if input.ExpiresAt != nil {
		at := input.ExpiresAt.UTC()
		input.ExpiresAt = &at
	}
	if err := input.check(who).Err(); err != nil {
		return account.APIKey{}, "", err
	}
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		claim, err := claimKey(ctx, tx, who, input)
		if err != nil {
			return err
		}
		if claim != nil && len(claim.ResultIDs) > 0 {
			key, err = tx.LockAPIKey(ctx, who.AccountID, claim.ResultIDs[0])
			return err
		}
		if input.ExpiresAt != nil && !input.ExpiresAt.After(tx.Now) {
			return order.Faults{{Field: []string{"expiresAt"}, Code: order.CodeOutOfRange, Message: "must be in the future"}}
		}
		key, secret, err = makeAPIKey(ctx, tx, who, input)
		if err != nil || claim == nil {
			return err
		}
		claim.ResultIDs = []uuid.UUID{key.ID}
		return tx.KeepKeys(ctx, []store.Claim{*claim})
	})
	if err != nil {
		return account.APIKey{}, "", fmt.Errorf("create API key: %w", err)
	}
	return key, secret, nil
}

// check lists what is wrong with the input, and what its maker may not hand on.
func (in APIKeyInput) check(who account.Principal) order.Faults {
	var faults order.Faults
	add := func(field string, code order.Code, message string) {
		faults = append(faults, order.Fault{Field: []string{field}, Code: code, Message: message})
	}
	switch {
	case in.Name == "":
		add("name", order.CodeRequired, "must not be empty")
	case len(in.Name) > account.MaxName:
		add("name", order.CodeTooLong, fmt.Sprintf("must be at most %d bytes", account.MaxName))
	case !printable(in.Name):
		add("name", order.CodeInvalid, "must not have control characters")
	}
	switch {
	case !in.Role.Valid():
		add("role", order.CodeInvalid, "is unknown")
	case !who.Role.Covers(in.Role):
		add("role", order.CodeForbidden, "must not allow more than your own")
	}
	if who.TestMode && !in.TestMode {
		add("isTestMode", order.CodeForbidden, "must be set: you are in test mode yourself")
	}
	switch {
	case len(in.IdempotencyKey) > order.MaxIdempotency:
		add("idempotencyKey", order.CodeTooLong, fmt.Sprintf("must be at most %d bytes", order.MaxIdempotency))
	case !printable(in.IdempotencyKey):
		add("idempotencyKey", order.CodeInvalid, "must not have control characters")
	}
	return faults
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// makeAPIKey writes a key and its audit entry.
func makeAPIKey(
	ctx context.Context, tx *store.Tx, who account.Principal, input APIKeyInput,
) (key account.APIKey, secret string, err error) {
	secret = account.MintAPIKey(input.TestMode)
	prefix, err := account.ShownPrefix(secret)
	if err != nil {
		return account.APIKey{}, "", fmt.Errorf("make API key: %w", err)
	}
	key = account.APIKey{
		ID: id.New(id.APIKey), AccountID: who.AccountID, Name: input.Name, Prefix: prefix, Role: input.Role,
		TestMode: input.TestMode, CreatedBy: who.Actor, CreatedAt: tx.Now, ExpiresAt: input.ExpiresAt,
	}
	if err := tx.InsertAPIKey(ctx, key, account.HashSecret(secret)); err != nil {
		return account.APIKey{}, "", err
	}
	return key, secret, auditKey(ctx, tx, who, account.ActionAPIKeyCreate, key)
}

// RevokeAPIKey ends a key for good; one that was revoked stays as it is. Elsewhere it holds within seconds. It fails
// with ErrForbidden for whoever is no admin, and with order.ErrNotFound.
func (s *Service) RevokeAPIKey(ctx context.Context, who account.Principal, keyID uuid.UUID) (account.APIKey, error) {
	if who.Role != account.Admin {
		return account.APIKey{}, ErrForbidden
	}
	var key account.APIKey
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		var err error
		if key, err = tx.LockAPIKey(ctx, who.AccountID, keyID); err != nil || key.RevokedAt != nil {
			return err
		}
		if err := tx.RevokeAPIKey(ctx, keyID); err != nil {
			return err
		}
		now := tx.Now
		key.RevokedAt = &now
		return auditKey(ctx, tx, who, account.ActionAPIKeyRevoke, key)
	})
	if err != nil {
		return account.APIKey{}, fmt.Errorf("revoke API key: %w", err)
	}
	s.gone.Set(keyID, struct{}{})
	return key, nil
}

func auditKey(ctx context.Context, tx *store.Tx, who account.Principal, action account.Action, key account.APIKey) error {
	details, err := json.Marshal(struct {
		Name     string       `json:"name"`
		Prefix   string       `json:"prefix"`
		Role     account.Role `json:"role"`
		TestMode bool         `json:"testMode"`
	}{key.Name, key.Prefix, key.Role, key.TestMode})
	if err != nil {
		return fmt.Errorf("describe API key: %w", err)
	}
	return tx.Audit(ctx, account.AuditEntry{
		AccountID: who.AccountID, Actor: who.Actor, Action: action, TargetID: &key.ID, Details: details,
	})
}

// claimKey takes the input's idempotency key for this transaction: nil where it has none, with results where an earlier
// request used it for the same.
func claimKey(ctx context.Context, tx *store.Tx, who account.Principal, input APIKeyInput) (*store.Claim, error) {
	if input.IdempotencyKey == "" {
		return nil, nil //nolint:nilnil // no key is no mistake
	}
	body, err := json.Marshal(input)
	if err != nil {
		return nil, fmt.Errorf("hash input: %w", err)
	}
	sum := sha256.Sum256(body)
	claim := store.Claim{AccountID: who.AccountID, Mutation: "createApiKey", Key: input.IdempotencyKey, BodyHash: sum[:]}
	held, earlier, err := tx.TryKeys(ctx, []store.Claim{claim})
	switch {
	case err != nil:
		return nil, err
	case earlier[0] != nil && !bytes.Equal(earlier[0].BodyHash, claim.BodyHash):
		return nil, keyFault(order.CodeIdempotencyKeyReused, order.ErrKeyReused)
	case earlier[0] != nil:
		return earlier[0], nil
	case !held[0]:
		return nil, keyFault(order.CodeIdempotencyInProgress, order.ErrKeyInProgress)
	}
	return &claim, nil
}

func keyFault(code order.Code, reason error) order.Faults {
	return order.Faults{{Field: []string{"idempotencyKey"}, Code: code, Message: reason.Error()}}
}
