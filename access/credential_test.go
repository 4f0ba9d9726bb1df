package access_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
)

func TestWhereCredentialsComeFrom(t *testing.T) {
	t.Parallel()
	s := furnished(t)
	_, secret, err := s.CreateAPIKey(t.Context(), s.admin, access.APIKeyInput{Name: "k", Role: account.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	header := func(pairs ...string) access.Credential {
		h := http.Header{}
		for pair := range slices.Chunk(pairs, 2) {
			h.Set(pair[0], pair[1])
		}
		return access.HeaderCredential(h.Get)
	}
	type payload = map[string]any
	initial := access.InitCredential
	for name, test := range map[string]struct {
		credential access.Credential
		none, good bool
	}{
		"no header":                    {header(), true, false},
		"empty headers":                {header("X-API-Key", " ", "Authorization", ""), true, false},
		"X-API-Key":                    {header("x-api-key", secret), false, true},
		"X-API-Key with spaces":        {header("X-API-Key", " "+secret+" "), false, true},
		"bearer":                       {header("Authorization", "Bearer "+secret), false, true},
		"bearer in any case":           {header("Authorization", "bEARER   "+secret), false, true},
		"bearer without a token":       {header("Authorization", "Bearer "), false, false},
		"basic":                        {header("Authorization", "Basic "+secret), false, false},
		"key without a scheme":         {header("Authorization", secret), false, false},
		"X-API-Key before a proxy's":   {header("X-API-Key", secret, "Authorization", "Basic eDp5"), false, true},
		"bad X-API-Key before bearer":  {header("X-API-Key", "x", "Authorization", "Bearer "+secret), false, false},
		"no payload":                   {initial(nil), true, false},
		"other payload":                {initial(payload{"token": secret}), true, false},
		"null":                         {initial(payload{"X-API-Key": nil}), true, false},
		"payload":                      {initial(payload{"X-API-Key": secret}), false, true},
		"payload in any case":          {initial(payload{"x-Api-kEY": secret}), false, true},
		"payload with bearer":          {initial(payload{"authorization": "Bearer " + secret}), false, true},
		"payload, the same name twice": {initial(payload{"X-API-Key": secret, "x-api-key": secret}), false, true},
		"payload with a list":          {initial(payload{"X-API-Key": []any{secret}}), false, false},
		"payload of a session":         {initial(payload{"Authorization": "Bearer " + account.MintSessionToken()}), false, false},
		"no cookie":                    {access.SessionCredential(""), true, false},
		"cookie with a key":            {access.SessionCredential(secret), false, false},
	} {
		if got := test.credential.IsZero(); got != test.none {
			t.Errorf("%s: none %v, want %v", name, got, test.none)
		}
		_, err := s.Authenticate(t.Context(), test.credential)
		if got := err == nil; got != test.good {
			t.Errorf("%s: good %v, want %v (%v)", name, got, test.good, err)
		}
	}
}

func TestCredentialsDontShow(t *testing.T) {
	t.Parallel()
	secret := account.MintAPIKey(false)
	for _, credential := range []access.Credential{keyCredential(secret), access.SessionCredential(secret)} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("seen", "credential", credential, "pointer", &credential)
		shown := fmt.Sprintf("%v %+v %#v %s %q", credential, credential, credential, credential, credential) + log.String()
		if strings.Contains(shown, secret[4:]) {
			t.Errorf("shown as %s", shown)
		}
	}
	if got := (access.Credential{}).String(); got != "no credential" {
		t.Errorf("got %q", got)
	}
}

func FuzzInitCredential(f *testing.F) {
	f.Add("X-API-Key", "bsk_x", "Authorization", "Bearer bsk_y")
	f.Add("x-api-key", "", "X-API-KEY", "\x00")
	f.Fuzz(func(t *testing.T, name, value, otherName, otherValue string) {
		payload := map[string]any{name: value, otherName: otherValue}
		first := access.InitCredential(payload)
		if again := access.InitCredential(payload); again != first {
			t.Fatalf("%q is read in two ways", payload)
		}
	})
}
