package access_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

func TestCreateAPIKey(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	expires := time.Date(2099, 1, 31, 0, 0, 0, 0, time.FixedZone("", 3600))
	key, secret, err := s.CreateAPIKey(t.Context(), s.admin, access.APIKeyInput{
		Name: " shop ", Role: account.Integrator, TestMode: true, ExpiresAt: &expires,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(secret, "bsk_test_") || !strings.HasPrefix(secret, key.Prefix) {
		t.Errorf("secret %s with prefix %s", secret, key.Prefix)
	}
	if id.KindOf(key.ID) != id.APIKey || key.Name != "shop" || key.CreatedBy != "user:admin" || !key.ExpiresAt.Equal(expires) {
		t.Errorf("got %+v", key)
	}
	stored, err := s.store.APIKeyByHash(t.Context(), account.HashSecret(secret))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(key, stored.Key); diff != "" {
		t.Error(diff)
	}
	actions := s.actions(t)
	if last := actions[len(actions)-1]; last != "user:admin apiKey.create" {
		t.Errorf("audited as %s", last)
	}
}

func TestCreateAPIKeyRefuses(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	testMode := s.admin
	testMode.TestMode = true
	past := time.Now().Add(-time.Hour)
	type keyInput = access.APIKeyInput
	for name, test := range map[string]struct {
		who   account.Principal
		input keyInput
		field string
		code  order.Code
	}{
		"no name":          {s.admin, keyInput{Name: " ", Role: account.Viewer}, "name", order.CodeRequired},
		"long name":        {s.admin, keyInput{Name: strings.Repeat("a", 201), Role: account.Viewer}, "name", order.CodeTooLong},
		"control in name":  {s.admin, keyInput{Name: "a\x00b", Role: account.Viewer}, "name", order.CodeInvalid},
		"no role":          {s.admin, keyInput{Name: "k"}, "role", order.CodeInvalid},
		"unknown role":     {s.admin, keyInput{Name: "k", Role: "ROOT"}, "role", order.CodeInvalid},
		"in the past":      {s.admin, keyInput{Name: "k", Role: account.Viewer, ExpiresAt: &past}, "expiresAt", order.CodeOutOfRange},
		"out of test mode": {testMode, keyInput{Name: "k", Role: account.Viewer}, "isTestMode", order.CodeForbidden},
		"long idempotency key": {
			s.admin,
			access.APIKeyInput{Name: "k", Role: account.Viewer, IdempotencyKey: strings.Repeat("a", 201)},
			"idempotencyKey", order.CodeTooLong,
		},
		"null byte in idempotency key": {
			s.admin, keyInput{Name: "k", Role: account.Viewer, IdempotencyKey: "a\x00"}, "idempotencyKey", order.CodeInvalid,
		},
	} {
		_, secret, err := s.CreateAPIKey(t.Context(), test.who, test.input)
		var faults order.Faults
		if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Field[0] != test.field || faults[0].Code != test.code {
			t.Errorf("%s: got %v, want %s at %s", name, err, test.code, test.field)
		}
		if secret != "" {
			t.Errorf("%s: a secret came along", name)
		}
	}
	if keys := query[int64](t, s, "SELECT count(*) FROM api_keys")[0]; keys != 0 {
		t.Errorf("%d keys were made", keys)
	}
}

func TestOnlyAdminsHandleKeys(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, _ := s.makeKey(t, access.APIKeyInput{})
	for _, role := range []account.Role{account.Operator, account.Integrator, account.Viewer, ""} {
		who := s.admin
		who.Role = role
		if _, _, err := s.CreateAPIKey(t.Context(), who, access.APIKeyInput{Name: "k", Role: role}); !errors.Is(err, access.ErrForbidden) {
			t.Errorf("%s creates: got %v, want ErrForbidden", role, err)
		}
		if _, err := s.RevokeAPIKey(t.Context(), who, key.ID); !errors.Is(err, access.ErrForbidden) {
			t.Errorf("%s revokes: got %v, want ErrForbidden", role, err)
		}
	}
}

func TestCreateAPIKeyTwiceWithOneIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	soon := time.Now().Add(time.Hour)
	input := access.APIKeyInput{IdempotencyKey: "k-1", Name: "shop", Role: account.Viewer, ExpiresAt: &soon}
	first, secret, err := s.CreateAPIKey(t.Context(), s.admin, input)
	if err != nil || secret == "" {
		t.Fatalf("got %q and %v", secret, err)
	}
	moved := soon.In(time.FixedZone("", 7200)) // the same moment
	input.ExpiresAt = &moved
	again, secret, err := s.CreateAPIKey(t.Context(), s.admin, input)
	if err != nil || again.ID != first.ID || secret != "" {
		t.Errorf("got %s, %q and %v, want %s without a secret", again.ID, secret, err, first.ID)
	}
	other := input
	other.Role = account.Admin
	var faults order.Faults
	_, _, err = s.CreateAPIKey(t.Context(), s.admin, other)
	if !errors.As(err, &faults) || faults[0].Code != order.CodeIdempotencyKeyReused {
		t.Errorf("another input: got %v, want IDEMPOTENCY_KEY_REUSED", err)
	}
	stranger := s.stranger(t)
	if theirs, _, err := s.CreateAPIKey(t.Context(), stranger, input); err != nil || theirs.ID == first.ID {
		t.Errorf("another account: got %s and %v", theirs.ID, err)
	}
	if made := query[int64](t, s, "SELECT count(*) FROM api_keys WHERE account_id = $1", s.account.ID)[0]; made != 1 {
		t.Errorf("%d keys were made, want 1", made)
	}
}

func TestOneIdempotencyKeyManyTimesAtOnce(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			_, _, err := s.CreateAPIKey(t.Context(), s.admin, access.APIKeyInput{IdempotencyKey: "k", Name: "n", Role: account.Viewer})
			var faults order.Faults
			if err != nil && (!errors.As(err, &faults) || faults[0].Code != order.CodeIdempotencyInProgress) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if made := query[int64](t, s, "SELECT count(*) FROM api_keys")[0]; made != 1 {
		t.Errorf("%d keys were made, want 1", made)
	}
}

func TestRevokeAPIKey(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, credential := s.makeKey(t, access.APIKeyInput{})
	first, err := s.RevokeAPIKey(t.Context(), s.admin, key.ID)
	if err != nil || first.RevokedAt == nil {
		t.Fatalf("got %+v and %v", first, err)
	}
	again, err := s.RevokeAPIKey(t.Context(), s.admin, key.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("revoking again changed it: %s", diff)
	}
	if _, err := s.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("got %v, want ErrUnauthenticated", err)
	}
	revocations := 0
	for _, action := range s.actions(t) {
		if action == "user:admin apiKey.revoke" {
			revocations++
		}
	}
	if revocations != 1 {
		t.Errorf("audited %d times, want once", revocations)
	}
}

func TestRevokeAPIKeyOfAnotherAccount(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, credential := s.makeKey(t, access.APIKeyInput{})
	if _, err := s.RevokeAPIKey(t.Context(), s.stranger(t), key.ID); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, err := s.RevokeAPIKey(t.Context(), s.admin, id.New(id.APIKey)); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("unknown: got %v, want ErrNotFound", err)
	}
	if _, err := s.Authenticate(t.Context(), credential); err != nil {
		t.Errorf("the key still holds: %v", err)
	}
}

func TestAKeyMayRevokeItself(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, credential := s.makeKey(t, access.APIKeyInput{Role: account.Admin})
	who, err := s.Authenticate(t.Context(), credential)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.RevokeAPIKey(t.Context(), who, key.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Recheck(t.Context(), who); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("got %v, want ErrUnauthenticated", err)
	}
}
