package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/account"
)

func TestRoleCovers(t *testing.T) {
	t.Parallel()
	covers := map[account.Role][]account.Role{
		account.Admin:      {account.Admin, account.Operator, account.Integrator, account.Viewer},
		account.Operator:   {account.Operator, account.Integrator, account.Viewer},
		account.Integrator: {account.Integrator},
		account.Viewer:     {account.Viewer},
		"":                 {},
		"ROOT":             {},
	}
	for role, allowed := range covers {
		may := map[account.Role]bool{}
		for _, other := range allowed {
			may[other] = true
		}
		for other := range covers {
			if got := role.Covers(other); got != may[other] {
				t.Errorf("%q covers %q: %v, want %v", role, other, got, may[other])
			}
		}
		if got, want := role.Valid(), len(allowed) > 0; got != want {
			t.Errorf("%q valid: %v, want %v", role, got, want)
		}
	}
}

func TestAPIKeyActive(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	before, after := now.Add(-time.Second), now.Add(time.Second)
	for name, test := range map[string]struct {
		key  account.APIKey
		want bool
	}{
		"forever":       {account.APIKey{}, true},
		"still":         {account.APIKey{ExpiresAt: &after}, true},
		"just expired":  {account.APIKey{ExpiresAt: &now}, false},
		"expired":       {account.APIKey{ExpiresAt: &before}, false},
		"revoked":       {account.APIKey{RevokedAt: &before}, false},
		"revoked later": {account.APIKey{RevokedAt: &after}, false},
	} {
		if got := test.key.Active(now); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestSessionExpiry(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct{ used, want time.Duration }{
		"fresh":           {0, 12 * time.Hour},
		"used":            {time.Hour, 13 * time.Hour},
		"near its end":    {30*24*time.Hour - time.Hour, 30 * 24 * time.Hour},
		"12 h before end": {30*24*time.Hour - 12*time.Hour, 30 * 24 * time.Hour},
	} {
		if got := account.SessionExpiry(began, began.Add(test.used)).Sub(began); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	session := account.Session{ExpiresAt: began.Add(time.Hour)}
	if !session.Active(began) || session.Active(began.Add(time.Hour)) {
		t.Error("a session is active until it expires, and not after")
	}
	session.EndedAt = &began
	if session.Active(began) {
		t.Error("an ended session is active")
	}
}

func TestCheckUsername(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"admin", "a", "ada.lovelace+x@example.com", "user_1-2", strings.Repeat("a", 64)} {
		if err := account.CheckUsername(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "Admin", " admin", "a b", "a\x00b", "zoë", "a/b", strings.Repeat("a", 65)} {
		if err := account.CheckUsername(bad); !errors.Is(err, account.ErrUsername) {
			t.Errorf("%q: got %v, want ErrUsername", bad, err)
		}
	}
	if got := account.NormalUsername(" Admin\n"); got != "admin" {
		t.Errorf("got %q", got)
	}
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"12345678", "ππππππππ", "a pass phrase with spaces", strings.Repeat("a", 1024)} {
		if err := account.CheckPassword(good, "admin"); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "1234567", "πππππππ", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "1234\x005678", "Verylongname", strings.Repeat("a", 1025),
	} {
		err := account.CheckPassword(bad, "verylongname")
		if !errors.Is(err, account.ErrPassword) {
			t.Errorf("%q: got %v, want ErrPassword", bad, err)
		}
		if len(bad) > 3 && err != nil && strings.Contains(err.Error(), bad) {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}
