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

func TestEnsureDefaultsMakesAccountAndAdmin(t *testing.T) {
	t.Parallel()
	s := empty(t)
	got, err := s.EnsureDefaults(t.Context(), " Admin ", password)
	if err != nil {
		t.Fatal(err)
	}
	if got.Account.Name != "default" || got.Account.Currency != "EUR" || id.KindOf(got.Account.ID) != id.Account {
		t.Errorf("account %+v", got.Account)
	}
	if !got.Made || got.Admin == nil || got.Admin.Username != "admin" || got.Admin.Role != account.Admin {
		t.Errorf("admin %+v, made: %v", got.Admin, got.Made)
	}
	if diff := cmp.Diff([]string{"system account.create", "system user.create"}, s.actions(t)); diff != "" {
		t.Error(diff)
	}
	hash := query[string](t, s, "SELECT password_hash FROM users")[0]
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, password) {
		t.Errorf("stored as %s", hash)
	}
}

func TestEnsureDefaultsChangesNothingLater(t *testing.T) {
	t.Parallel()
	s := empty(t)
	first, err := s.EnsureDefaults(t.Context(), username, password)
	if err != nil {
		t.Fatal(err)
	}
	hash := query[string](t, s, "SELECT password_hash FROM users")
	for _, other := range []struct{ username, password string }{
		{username, password}, {username, "another password"}, {"root", "another password"}, {"", ""}, {"x y", "1"},
	} {
		again, err := s.EnsureDefaults(t.Context(), other.username, other.password)
		if err != nil {
			t.Fatal(err)
		}
		if again.Made || again.Account.ID != first.Account.ID || again.Admin == nil || again.Admin.ID != first.Admin.ID {
			t.Fatalf("got %+v after %+v", again, first)
		}
	}
	if diff := cmp.Diff(hash, query[string](t, s, "SELECT password_hash FROM users")); diff != "" {
		t.Error(diff)
	}
	// A disabled admin is not replaced: somebody disabled it on purpose.
	s.execute(t, "UPDATE users SET disabled_at = now()")
	if again, err := s.EnsureDefaults(t.Context(), "second", password); err != nil || again.Made {
		t.Fatalf("made: %v, error %v", again.Made, err)
	}
}

func TestEnsureDefaultsInManyProcessesAtOnce(t *testing.T) {
	t.Parallel()
	s := empty(t)
	var group sync.WaitGroup
	results := make([]access.Defaults, 8)
	for i := range results {
		process := s.another(t)
		group.Go(func() {
			var err error
			if results[i], err = process.EnsureDefaults(t.Context(), username, password); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	made := 0
	for _, result := range results {
		if result.Made {
			made++
		}
		if result.Admin == nil || result.Account.ID != results[0].Account.ID || result.Admin.ID != results[0].Admin.ID {
			t.Errorf("got %+v, another got %+v", result, results[0])
		}
	}
	if made != 1 {
		t.Errorf("%d made an admin, want 1", made)
	}
}

func TestEnsureDefaultsWithoutPassword(t *testing.T) {
	t.Parallel()
	s := empty(t)
	got, err := s.EnsureDefaults(t.Context(), username, "")
	if err != nil || got.Admin != nil || got.Made || got.Account.Name != access.DefaultAccount {
		t.Fatalf("got %+v and %v", got, err)
	}
	if got, err = s.EnsureDefaults(t.Context(), username, password); err != nil || !got.Made {
		t.Fatalf("with a password: got %+v and %v", got, err)
	}
}

func TestEnsureDefaultsRefuses(t *testing.T) {
	t.Parallel()
	s := empty(t)
	for name, test := range map[string]struct {
		username, password string
		want               error
	}{
		"short password":       {username, "1234567", account.ErrPassword},
		"password is username": {"verylongname", "verylongname", account.ErrPassword},
		"no username":          {"", password, account.ErrUsername},
		"bad username":         {"a b", password, account.ErrUsername},
	} {
		_, err := s.EnsureDefaults(t.Context(), test.username, test.password)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), test.password) {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
	}
	if rows := query[string](t, s, "SELECT name FROM accounts"); len(rows) != 0 {
		t.Errorf("a refused start left %v", rows)
	}
}

func TestEnsureDefaultsDoesNotRaiseSomebodyElse(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	s.execute(t, "UPDATE users SET role = 'VIEWER'")
	if _, err := s.EnsureDefaults(t.Context(), username, password); !errors.Is(err, order.ErrNameTaken) {
		t.Fatalf("got %v, want ErrNameTaken", err)
	}
}

func TestEnsureAPIKey(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	ensure := func(role account.Role, existing string) string {
		t.Helper()
		secret, err := s.EnsureAPIKey(t.Context(), access.DefaultAccount, "dev", role, existing)
		if err != nil {
			t.Fatal(err)
		}
		who, err := s.Authenticate(t.Context(), keyCredential(secret))
		if err != nil || who.Role != role || who.Actor != "key:dev" || who.AccountID != s.account.ID {
			t.Fatalf("got %+v and %v", who, err)
		}
		return secret
	}
	first := ensure(account.Admin, "")
	if again := ensure(account.Admin, first); again != first {
		t.Error("a valid key was replaced")
	}
	if other := ensure(account.Operator, first); other == first {
		t.Error("a key of another role was kept")
	}
	for name, existing := range map[string]string{
		"malformed": "bsk_nonsense", "unknown": account.MintAPIKey(false), "with a line end": first + "\n",
	} {
		if again := ensure(account.Admin, existing); again == existing {
			t.Errorf("%s: kept", name)
		}
	}
	s.execute(t, "UPDATE api_keys SET revoked_at = now()")
	if again := ensure(account.Admin, first); again == first {
		t.Error("a revoked key was kept")
	}
	if _, err := s.EnsureAPIKey(t.Context(), "nobody", "dev", account.Admin, ""); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("unknown account: got %v, want ErrNotFound", err)
	}
}

// The way back in that docs/security.md tells operators who lost the password.
func TestANewAdminAfterTheOldOneWasPutAside(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	old, credential := s.signIn(t)
	s.execute(t, "UPDATE users SET role = 'VIEWER', disabled_at = now(), username = username || '-lost' WHERE username = 'admin'")
	got, err := s.EnsureDefaults(t.Context(), username, "another password")
	if err != nil || !got.Made || got.Admin.ID == *old.UserID {
		t.Fatalf("got %+v and %v", got, err)
	}
	if _, err := s.SignIn(t.Context(), username, "another password", here); err != nil {
		t.Error(err)
	}
	if _, err := s.SignIn(t.Context(), username, password, here); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("the old password: got %v, want ErrInvalidCredentials", err)
	}
	s.clock.Advance(2 * time.Second)
	if _, err := s.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("the old session: got %v, want ErrUnauthenticated", err)
	}
}
