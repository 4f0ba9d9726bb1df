package access_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
)

func TestAuthenticateByKey(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, credential := s.makeKey(t, access.APIKeyInput{Name: "shop", Role: account.Integrator, TestMode: true})
	who, err := s.Authenticate(t.Context(), credential)
	if err != nil {
		t.Fatal(err)
	}
	want := account.Principal{
		AccountID: s.account.ID, Currency: "EUR", Actor: "key:shop", Role: account.Integrator, TestMode: true, KeyID: &key.ID,
	}
	if diff := cmp.Diff(want, who); diff != "" {
		t.Error(diff)
	}
}

func TestEveryBadCredentialIsTheSame(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	secretOf := func(input access.APIKeyInput) string {
		t.Helper()
		input.Name, input.Role = "k", account.Viewer
		_, secret, err := s.CreateAPIKey(t.Context(), s.admin, input)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	good := secretOf(access.APIKeyInput{})
	expired := secretOf(access.APIKeyInput{})
	s.execute(t, "UPDATE api_keys SET expires_at = now() WHERE key_hash = $1", account.HashSecret(expired))
	revoked := secretOf(access.APIKeyInput{})
	s.execute(t, "UPDATE api_keys SET revoked_at = now() WHERE key_hash = $1", account.HashSecret(revoked))
	in, err := s.SignIn(t.Context(), username, password, here)
	if err != nil {
		t.Fatal(err)
	}
	ended, err := s.SignIn(t.Context(), username, password, here)
	if err != nil {
		t.Fatal(err)
	}
	s.execute(t, "UPDATE sessions SET ended_at = now() WHERE id = $1", ended.Session.ID)
	idle, err := s.SignIn(t.Context(), username, password, here)
	if err != nil {
		t.Fatal(err)
	}
	s.execute(t, "UPDATE sessions SET expires_at = now() WHERE id = $1", idle.Session.ID)
	for name, credential := range map[string]access.Credential{
		"none":                     {},
		"empty session":            access.SessionCredential(""),
		"not a key":                keyCredential("nonsense"),
		"wrong prefix":             keyCredential("xsk_" + good[4:]),
		"wrong checksum":           keyCredential(good[:len(good)-6] + "000000"),
		"unknown key":              keyCredential(account.MintAPIKey(false)),
		"expired key":              keyCredential(expired),
		"revoked key":              keyCredential(revoked),
		"session token as key":     keyCredential(in.Token),
		"key as session token":     access.SessionCredential(good),
		"unknown session":          access.SessionCredential(account.MintSessionToken()),
		"ended session":            access.SessionCredential(ended.Token),
		"expired session":          access.SessionCredential(idle.Token),
		"another scheme":           access.HeaderCredential(func(string) string { return "Basic " + good }),
		"number in a payload":      access.InitCredential(map[string]any{"X-API-Key": 1}),
		"two values in a payload":  access.InitCredential(map[string]any{"X-API-Key": good, "x-api-key": "other"}),
		"bearer without its token": access.InitCredential(map[string]any{"Authorization": "Bearer"}),
	} {
		for range 2 { // the second time, what is remembered answers
			if _, err := s.Authenticate(t.Context(), credential); err == nil || err.Error() != access.ErrUnauthenticated.Error() {
				t.Errorf("%s: got %v, want ErrUnauthenticated and nothing else", name, err)
			}
		}
	}
	for _, credential := range []access.Credential{keyCredential(good), access.SessionCredential(in.Token)} {
		if _, err := s.Authenticate(t.Context(), credential); err != nil {
			t.Errorf("a good %v: %v", credential, err)
		}
	}
}

func TestRevocationHoldsElsewhereWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, credential := s.makeKey(t, access.APIKeyInput{})
	other := s.another(t)
	who, err := other.Authenticate(t.Context(), credential)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Recheck(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RevokeAPIKey(t.Context(), s.admin, key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("where it was revoked: got %v, want ErrUnauthenticated at once", err)
	}
	other.clock.Advance(1999 * time.Millisecond)
	if _, err := other.Authenticate(t.Context(), credential); err != nil {
		t.Errorf("elsewhere, remembered: %v", err)
	}
	if err := other.Recheck(t.Context(), who); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("open socket after a second: got %v, want ErrUnauthenticated", err)
	}
	other.clock.Advance(time.Millisecond)
	if _, err := other.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("elsewhere after two seconds: got %v, want ErrUnauthenticated", err)
	}
}

// What is unknown is remembered, too, but not for long: a key that was just made works everywhere soon.
func TestUnknownIsRememberedShortly(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	secret := account.MintAPIKey(false)
	credential := keyCredential(secret)
	if _, err := s.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Fatal(err)
	}
	key, _ := s.makeKey(t, access.APIKeyInput{})
	s.execute(t, "UPDATE api_keys SET key_hash = $1 WHERE id = $2", account.HashSecret(secret), key.ID)
	if _, err := s.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Fatalf("remembered: got %v, want ErrUnauthenticated", err)
	}
	s.clock.Advance(2 * time.Second)
	if _, err := s.Authenticate(t.Context(), credential); err != nil {
		t.Fatalf("after two seconds: %v", err)
	}
}

func TestAnErrorIsNotRemembered(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	_, credential := s.makeKey(t, access.APIKeyInput{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Authenticate(ctx, credential); err == nil || errors.Is(err, access.ErrUnauthenticated) {
		t.Fatalf("got %v, want another error than ErrUnauthenticated", err)
	}
	if _, err := s.Authenticate(t.Context(), credential); err != nil {
		t.Fatalf("after an error: %v", err)
	}
}

func TestRecheck(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	second := func() { s.clock.Advance(time.Second) }
	check := func(name string, who account.Principal, want error) {
		t.Helper()
		if err := s.Recheck(t.Context(), who); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
		second()
	}
	check("a session", s.admin, nil)
	check("nobody", account.Principal{AccountID: s.account.ID, Role: account.Admin}, access.ErrUnauthenticated)

	s.execute(t, "UPDATE users SET role = 'VIEWER'")
	check("role lowered", s.admin, access.ErrChanged)
	s.execute(t, "UPDATE users SET role = 'ADMIN'")
	check("role given back", s.admin, nil)
	s.execute(t, "UPDATE users SET disabled_at = now()")
	check("user disabled", s.admin, access.ErrUnauthenticated)
	s.execute(t, "UPDATE users SET disabled_at = NULL")
	check("user enabled", s.admin, nil)
	s.execute(t, "UPDATE sessions SET expires_at = now()")
	check("session expired", s.admin, access.ErrUnauthenticated)

	_, credential := s.makeKey(t, access.APIKeyInput{Role: account.Operator})
	who, err := s.Authenticate(t.Context(), credential)
	if err != nil {
		t.Fatal(err)
	}
	check("a key", who, nil)
	s.execute(t, "UPDATE api_keys SET role = 'VIEWER'")
	check("key's role lowered", who, access.ErrChanged)
	s.execute(t, "UPDATE api_keys SET role = 'OPERATOR', expires_at = now()")
	check("key expired", who, access.ErrUnauthenticated)
	s.execute(t, "DELETE FROM api_keys")
	check("key gone", who, access.ErrUnauthenticated)
}

func TestManyAtOnceShareOneLook(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	_, credential := s.makeKey(t, access.APIKeyInput{})
	unknown := keyCredential(account.MintAPIKey(false))
	before := s.asked.Load()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range 20 {
				who, err := s.Authenticate(t.Context(), credential)
				if err != nil {
					t.Error(err)
				}
				if err := s.Recheck(t.Context(), who); err != nil {
					t.Error(err)
				}
				if _, err := s.Authenticate(t.Context(), unknown); !errors.Is(err, access.ErrUnauthenticated) {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := s.asked.Load() - before; got != 3 {
		t.Errorf("3,000 questions took %d statements, want one each for key, principal and unknown key", got)
	}
}

func TestMalformedCredentialsAskNobody(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	before := s.asked.Load()
	for _, secret := range []string{"", "bsk_", "bsk_" + password, account.MintAPIKey(false) + "x", account.MintSessionToken()} {
		if _, err := s.Authenticate(t.Context(), keyCredential(secret)); !errors.Is(err, access.ErrUnauthenticated) {
			t.Errorf("%s: got %v, want ErrUnauthenticated", secret, err)
		}
	}
	if got := s.asked.Load() - before; got != 0 {
		t.Errorf("%d statements for what can't be a key", got)
	}
}

func TestLastUsedIsWrittenLaterAndOnceAMinute(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, credential := s.makeKey(t, access.APIKeyInput{})
	lastUsed := func() *time.Time {
		return query[*time.Time](t, s, "SELECT last_used_at FROM api_keys WHERE id = $1", key.ID)[0]
	}
	use := func() {
		t.Helper()
		s.clock.Advance(2 * time.Second)
		if _, err := s.Authenticate(t.Context(), credential); err != nil {
			t.Fatal(err)
		}
	}
	use()
	if at := lastUsed(); at != nil {
		t.Fatalf("written while authenticating: %v", at)
	}
	flush := func() {
		t.Helper()
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	first := lastUsed()
	if first == nil || time.Since(*first) > time.Minute {
		t.Fatalf("last used %v", first)
	}
	use()
	flush()
	if again := lastUsed(); !again.Equal(*first) {
		t.Errorf("written twice within a minute: %v, then %v", first, again)
	}
	s.execute(t, "UPDATE api_keys SET last_used_at = now() - interval '61 seconds'")
	use()
	flush()
	if again := lastUsed(); !again.After(*first) {
		t.Errorf("not written after a minute: %v, then %v", first, again)
	}
}

func TestUseKeepsASessionAlive(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	who, credential := s.signIn(t)
	age := func(began, used string) {
		s.execute(t, `UPDATE sessions SET created_at = now() - $1::interval, last_used_at = now() - $2::interval,
			expires_at = least(now() - $1::interval + interval '30 days', now() - $2::interval + interval '12 hours') WHERE id = $3`,
			began, used, *who.SessionID)
		s.clock.Advance(2 * time.Second)
	}
	left := func() time.Duration {
		return time.Duration(query[float64](t, s,
			"SELECT extract(epoch FROM expires_at - now())::float8 FROM sessions WHERE id = $1", *who.SessionID)[0] * float64(time.Second))
	}
	age("11 hours", "11 hours")
	if _, err := s.Authenticate(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := left(); got < 12*time.Hour-time.Minute || got > 12*time.Hour {
		t.Errorf("used after 11 h it has %v left, want 12 h", got)
	}
	age("29 days 23 hours", "2 hours")
	if err := s.Recheck(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := left(); got > time.Hour || got < 59*time.Minute {
		t.Errorf("used in its last hour it has %v left, want that hour", got)
	}
	age("13 hours", "12 hours")
	if _, err := s.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("unused for 12 h: got %v, want ErrUnauthenticated", err)
	}
	age("30 days", "1 minute")
	if _, err := s.Authenticate(t.Context(), credential); !errors.Is(err, access.ErrUnauthenticated) {
		t.Errorf("after 30 days: got %v, want ErrUnauthenticated", err)
	}
}

func TestRunFlushesAtItsEnd(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, credential := s.makeKey(t, access.APIKeyInput{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	if _, err := s.Authenticate(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if at := query[*time.Time](t, s, "SELECT last_used_at FROM api_keys WHERE id = $1", key.ID)[0]; at == nil {
		t.Error("the last use was lost")
	}
}

func TestProcessesFlushTheSameAtOnce(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	credentials := make([]access.Credential, 20)
	for i := range credentials {
		_, credentials[i] = s.makeKey(t, access.APIKeyInput{})
	}
	var group sync.WaitGroup
	for range 4 {
		process := s.another(t)
		group.Go(func() {
			for range 5 {
				for _, credential := range credentials {
					if _, err := process.Authenticate(t.Context(), credential); err != nil {
						t.Error(err)
					}
				}
				process.clock.Advance(2 * time.Second)
				if err := process.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if unused := query[int64](t, s, "SELECT count(*) FROM api_keys WHERE last_used_at IS NULL")[0]; unused != 0 {
		t.Errorf("%d of 20 keys were never marked as used", unused)
	}
}

func TestWhatCantBeFlushedIsKept(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	key, credential := s.makeKey(t, access.APIKeyInput{})
	if _, err := s.Authenticate(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Flush(ctx); err == nil {
		t.Fatal("flushed without a context")
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := query[*time.Time](t, s, "SELECT last_used_at FROM api_keys WHERE id = $1", key.ID)[0]; at == nil {
		t.Error("the use was lost with the failure")
	}
}
