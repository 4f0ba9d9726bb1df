package access_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/argon2"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
	"github.com/boostress/boostress/order"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	in, err := s.SignIn(t.Context(), " ADMIN ", password, here)
	if err != nil {
		t.Fatal(err)
	}
	if in.User.Username != username || in.User.Role != account.Admin || id.KindOf(in.Session.ID) != id.Session {
		t.Errorf("got %+v", in)
	}
	if got := in.Session.ExpiresAt.Sub(in.Session.CreatedAt); got != 12*time.Hour {
		t.Errorf("lasts %v unused, want 12 h", got)
	}
	who, err := s.Authenticate(t.Context(), access.SessionCredential(in.Token))
	if err != nil {
		t.Fatal(err)
	}
	want := account.Principal{
		AccountID: s.account.ID, Currency: "EUR", Actor: "user:admin", Role: account.Admin, UserID: &in.User.ID,
		SessionID: &in.Session.ID,
	}
	if diff := cmp.Diff(want, who); diff != "" {
		t.Error(diff)
	}
	again, err := s.SignIn(t.Context(), username, password, here)
	if err != nil {
		t.Fatal(err)
	}
	if again.Token == in.Token || again.Session.ID == in.Session.ID {
		t.Error("a second sign-in got the first one's session")
	}
}

func TestTheDatabaseHoldsOnlyHashesOfTokens(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	in, err := s.SignIn(t.Context(), username, password, here)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := s.CreateAPIKey(t.Context(), s.admin, access.APIKeyInput{Name: "k", Role: account.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"users", "sessions", "api_keys", "audit_entries", "idempotency_keys"} {
		for _, row := range query[string](t, s, "SELECT row_to_json(t)::text FROM "+table+" t") {
			for _, hidden := range []string{password, in.Token[4:], secret[4:]} {
				if strings.Contains(row, hidden) {
					t.Errorf("%s holds a secret: %s", table, row)
				}
			}
		}
	}
}

func TestRefusedSignIns(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	for name, try := range map[string]struct{ username, password string }{
		"wrong password":         {username, "wrong"},
		"no password":            {username, ""},
		"unknown user":           {"nobody", password},
		"no username":            {"", password},
		"null byte in username":  {"adm\x00in", password},
		"username that is large": {strings.Repeat("a", 1<<16), password},
		"password that is large": {username, strings.Repeat("a", 1<<16)},
		"not UTF-8":              {"\xff\xfe", "\xff\xfe"},
	} {
		before, asked := s.hashing.calls.Load(), s.asked.Load()
		_, err := s.SignIn(t.Context(), try.username, try.password, "2001:db8::1")
		if !errors.Is(err, access.ErrInvalidCredentials) || err.Error() != access.ErrInvalidCredentials.Error() {
			t.Errorf("%s: got %v, want ErrInvalidCredentials and nothing else", name, err)
		}
		// The same work for all, so that the time tells nothing.
		if calls := s.hashing.calls.Load() - before; calls != 1 {
			t.Errorf("%s: %d hashes were computed, want 1", name, calls)
		}
		if got := s.asked.Load() - asked; got != 5 { // read the user; begin, read the time, audit, commit
			t.Errorf("%s: %d statements, want 5", name, got)
		}
	}
	s.execute(t, "UPDATE users SET disabled_at = now()")
	before, asked := s.hashing.calls.Load(), s.asked.Load()
	if _, err := s.SignIn(t.Context(), username, password, here); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("disabled user: got %v, want ErrInvalidCredentials", err)
	}
	if hashes, statements := s.hashing.calls.Load()-before, s.asked.Load()-asked; hashes != 1 || statements != 5 {
		t.Errorf("disabled user: %d hashes and %d statements, want 1 and 5", hashes, statements)
	}
}

func TestSignInIsAudited(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	admin := idOf(t, s, "SELECT id FROM users")
	for _, try := range []struct{ username, password, ip string }{
		{username, "wrong", here}, {"hunter2", "wrong", "fe80::1%eth0"}, {username, password, "not an address"},
	} {
		_, err := s.SignIn(t.Context(), try.username, try.password, try.ip)
		if try.password != password && !errors.Is(err, access.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	got := query[string](t, s, `SELECT concat_ws(' ', actor, action,
			CASE WHEN target_id = $1 THEN 'the admin' WHEN target_id IS NULL THEN 'nobody' ELSE 'the session' END, details)
		FROM audit_entries WHERE account_id = $2 ORDER BY created_at, id OFFSET 3`, admin, s.account.ID)
	want := []string{
		`anonymous session.refuse the admin {"ip": "203.0.113.9"}`,
		`anonymous session.refuse nobody {"ip": "fe80::1"}`,
		`user:admin session.create the session`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	for range 9 {
		if _, err := s.SignIn(t.Context(), username, "wrong", here); !errors.Is(err, access.ErrInvalidCredentials) {
			t.Fatalf("got %v, want ErrInvalidCredentials", err)
		}
	}
	if _, err := s.SignIn(t.Context(), username, password, here); err != nil {
		t.Fatalf("after nine bad tries: %v", err)
	}
	for range 10 { // the good one made the count start again
		if _, err := s.SignIn(t.Context(), "Admin", "wrong", here); !errors.Is(err, access.ErrInvalidCredentials) {
			t.Fatalf("got %v, want ErrInvalidCredentials", err)
		}
	}
	before, asked := s.hashing.calls.Load(), s.asked.Load()
	_, err := s.SignIn(t.Context(), username, password, here)
	var throttled *access.ThrottledError
	if !errors.As(err, &throttled) || !errors.Is(err, access.ErrThrottled) || throttled.RetryAfter != time.Minute {
		t.Fatalf("got %v, want a ThrottledError of one minute", err)
	}
	if s.hashing.calls.Load() != before || s.asked.Load() != asked {
		t.Error("a throttled try cost a hash or a statement")
	}
	if _, err := s.SignIn(t.Context(), username, password, "203.0.113.10"); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

func TestGuessesAtOnceGetNoMoreTries(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	before := s.hashing.calls.Load()
	var group sync.WaitGroup
	for range 40 {
		group.Go(func() {
			_, err := s.SignIn(t.Context(), username, "wrong", here)
			if !errors.Is(err, access.ErrInvalidCredentials) && !errors.Is(err, access.ErrThrottled) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	// Two slots: the one beside may have been let in before the tenth was counted.
	if calls := s.hashing.calls.Load() - before; calls < 10 || calls > 11 {
		t.Errorf("%d passwords were checked, want 10 or 11", calls)
	}
	if most := s.hashing.together(); most > 2 {
		t.Errorf("%d hashes were computed at a time, want at most 2", most)
	}
}

func TestHashesAreBounded(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	s.hashing.gate = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	const callers = 2 + 64 + 8
	for range callers {
		group.Go(func() {
			_, err := s.SignIn(ctx, username, password, here)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, access.ErrThrottled):
				outcomes["told to wait"]++
			case errors.Is(err, context.Canceled):
				outcomes["gave up"]++
			default:
				outcomes["other"]++
			}
		})
	}
	testkit.Eventually(t, 10*time.Second, "the queue was full and some were told to wait", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return outcomes["told to wait"] == 8 && s.hashing.now.Load() == 2
	})
	cancel()
	close(s.hashing.gate)
	group.Wait()
	if outcomes["told to wait"] != 8 || s.hashing.together() > 2 {
		t.Errorf("got %v, with %d hashes at a time", outcomes, s.hashing.together())
	}
}

func TestAPasswordChangedMeanwhileOpensNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"changed":  "UPDATE users SET password_hash = password_hash || 'x'",
		"disabled": "UPDATE users SET disabled_at = now()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := furnished(t)
			s.hashing.gate = make(chan struct{})
			done := make(chan error, 1)
			go func() {
				_, err := s.SignIn(t.Context(), username, password, here)
				done <- err
			}()
			testkit.Eventually(t, 10*time.Second, "the user was read and the hash is being computed", func() bool {
				return s.hashing.now.Load() == 1
			})
			s.execute(t, change)
			close(s.hashing.gate)
			if err := <-done; !errors.Is(err, access.ErrInvalidCredentials) {
				t.Errorf("got %v, want ErrInvalidCredentials", err)
			}
		})
	}
}

// The other tests compute a cheaper hash.
func TestTheRealHash(t *testing.T) {
	t.Parallel()
	s := empty(t)
	service := access.New(s.store, &tries{}, access.Options{})
	if _, err := service.EnsureDefaults(t.Context(), username, password); err != nil {
		t.Fatal(err)
	}
	part := strings.Split(query[string](t, s, "SELECT password_hash FROM users")[0], "$")
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil || len(salt) != 16 {
		t.Fatalf("salt of %d bytes, %v", len(salt), err)
	}
	want := base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), salt, 2, 19*1024, 1, 32))
	if part[5] != want {
		t.Errorf("stored %s, want argon2id with 19 MiB, 2 passes, 1 lane: %s", part[5], want)
	}
	if _, err := service.SignIn(t.Context(), username, password, here); err != nil {
		t.Error(err)
	}
	if _, err := service.SignIn(t.Context(), username, password+" ", here); !errors.Is(err, access.ErrInvalidCredentials) {
		t.Errorf("got %v, want ErrInvalidCredentials", err)
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	who, credential := s.signIn(t)
	stays, stayed := s.signIn(t)
	other := s.another(t)
	if _, err := other.Authenticate(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.SignOut(t.Context(), who); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("right after: got %v, want ErrUnauthenticated", err)
	}
	if err := s.Recheck(t.Context(), who); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("open socket: got %v, want ErrUnauthenticated", err)
	}
	other.clock.Advance(2 * time.Second)
	if _, err := other.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("elsewhere: got %v, want ErrUnauthenticated", err)
	}
	if _, err := s.Authenticate(t.Context(), stayed); err != nil {
		t.Errorf("another session: %v", err)
	}
	if err := s.Recheck(t.Context(), stays); err != nil {
		t.Errorf("another session's socket: %v", err)
	}
	ends := 0
	for _, action := range s.actions(t) {
		if action == "user:admin session.end" {
			ends++
		}
	}
	if ends != 1 {
		t.Errorf("audited %d times, want once", ends)
	}
}

func TestSignOutWithoutSession(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	_, credential := s.makeKey(t, access.APIKeyInput{})
	who, err := s.Authenticate(t.Context(), credential)
	if err != nil {
		t.Fatal(err)
	}
	var faults order.Faults
	if err := s.SignOut(t.Context(), who); !errors.As(err, &faults) || faults[0].Code != order.CodeConflict {
		t.Fatalf("got %v, want a fault of CONFLICT", err)
	}
}

func TestStoredHashOfAnotherKind(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	for _, hash := range []string{
		"", "plain", "$2a$10$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$",
	} {
		s.execute(t, "UPDATE users SET password_hash = $1", hash)
		_, err := s.SignIn(t.Context(), username, password, here)
		if err == nil || errors.Is(err, access.ErrInvalidCredentials) {
			t.Errorf("%q: got %v, want an error of ours", hash, err)
		}
	}
}
