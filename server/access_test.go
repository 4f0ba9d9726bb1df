package server_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/server"
)

func TestWhoAsks(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cookie := func(token string) string { return "other=1; boostress_session=" + token }
	byTLS := strings.Replace(s.URL, "http:", "https:", 1)
	for name, test := range map[string]struct {
		headers []string
		status  int
		who     string
	}{
		"nobody":                 {nil, 200, "nobody"},
		"key":                    {[]string{"X-API-Key", goodKey}, 200, "key:test"},
		"bearer":                 {[]string{"Authorization", "Bearer " + goodKey}, 200, "key:test"},
		"bearer in lower case":   {[]string{"Authorization", "bearer " + goodKey}, 200, "key:test"},
		"session":                {[]string{"Cookie", cookie(goodToken)}, 200, "user:ada"},
		"empty cookie":           {[]string{"Cookie", cookie("")}, 200, "nobody"},
		"key before session":     {[]string{"X-API-Key", goodKey, "Cookie", cookie(goodToken)}, 200, "key:test"},
		"bad key, good session":  {[]string{"X-API-Key", otherKey, "Cookie", cookie(goodToken)}, 401, ""},
		"unknown key":            {[]string{"X-API-Key", otherKey}, 401, ""},
		"bad checksum":           {[]string{"X-API-Key", goodKey[:len(goodKey)-1] + "!"}, 401, ""},
		"wrong prefix":           {[]string{"X-API-Key", "xyz" + goodKey}, 401, ""},
		"basic":                  {[]string{"Authorization", "Basic YTpi"}, 401, ""},
		"bearer nothing":         {[]string{"Authorization", "Bearer"}, 401, ""},
		"unknown bearer":         {[]string{"Authorization", "Bearer " + otherKey}, 401, ""},
		"session as bearer":      {[]string{"Authorization", "Bearer " + goodToken}, 401, ""},
		"ended session":          {[]string{"Cookie", cookie(oldToken)}, 401, ""},
		"malformed session":      {[]string{"Cookie", cookie("x")}, 401, ""},
		"key as session":         {[]string{"Cookie", cookie(goodKey)}, 401, ""},
		"own origin":             {[]string{"Cookie", cookie(goodToken), "Origin", s.URL}, 200, "user:ada"},
		"own origin by TLS":      {[]string{"Cookie", cookie(goodToken), "Origin", byTLS}, 200, "user:ada"},
		"foreign origin":         {[]string{"Cookie", cookie(goodToken), "Origin", "https://evil.example"}, 403, ""},
		"another port":           {[]string{"Cookie", cookie(goodToken), "Origin", "http://127.0.0.1:1"}, 403, ""},
		"no origin to speak of":  {[]string{"Cookie", cookie(goodToken), "Origin", "null"}, 403, ""},
		"host within origin":     {[]string{"Cookie", cookie(goodToken), "Origin", s.URL + ".evil.example"}, 403, ""},
		"another scheme":         {[]string{"Cookie", cookie(goodToken), "Origin", strings.Replace(s.URL, "http:", "file:", 1)}, 403, ""},
		"foreign with bad token": {[]string{"Cookie", cookie(oldToken), "Origin", "https://evil.example"}, 403, ""},
		"foreign with a key":     {[]string{"X-API-Key", goodKey, "Origin", "https://shop.example"}, 200, "key:test"},
		"foreign with nothing":   {[]string{"Origin", "https://evil.example"}, 200, "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.post(t, "{who}", nil, test.headers...)
			code := map[int]string{401: "UNAUTHENTICATED", 403: "FORBIDDEN"}[test.status]
			if got.status != test.status || got.code() != code {
				t.Fatalf("got %d %s, want %d", got.status, got.text, test.status)
			}
			if test.status == http.StatusOK {
				if want := `{"data":{"who":"` + test.who + `"}}`; got.text != want {
					t.Errorf("got %s, want %s", got.text, want)
				}
				return
			}
			checkRefusal(t, got)
			if test.status == http.StatusUnauthorized && got.header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
		})
	}
}

func TestTrustedOrigins(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *server.Options) { o.TrustedOrigins = []string{"https://Shop.example", "http://localhost:3000/"} })
	for origin, status := range map[string]int{
		"https://shop.example": 200, "http://localhost:3000": 200, "http://shop.example": 403, "http://localhost:3001": 403,
	} {
		if got := s.post(t, "{who}", nil, "Cookie", "boostress_session="+goodToken, "Origin", origin); got.status != status {
			t.Errorf("%s: got %d, want %d", origin, got.status, status)
		}
	}
}

func TestEndedSessionIsForgotten(t *testing.T) {
	t.Parallel()
	s := serve(t)
	got := s.post(t, "mutation{signIn}", nil, "Cookie", "boostress_session="+oldToken)
	want := "boostress_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
	if got.status != http.StatusUnauthorized || got.header.Get("Set-Cookie") != want {
		t.Errorf("got %d and cookie %q", got.status, got.header.Get("Set-Cookie"))
	}
	if got := s.post(t, "{who}", nil, "X-API-Key", otherKey); got.header.Get("Set-Cookie") != "" {
		t.Errorf("a bad key brought %q", got.header.Get("Set-Cookie"))
	}
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const kept = "boostress_session=token; Path=/; Expires=Wed, 02 Jan 2030 03:04:05 GMT; HttpOnly"
	for name, test := range map[string]struct {
		query, want string
		headers     []string
	}{
		"sign in":        {"mutation{signIn}", kept + "; SameSite=Lax", nil},
		"sign in by TLS": {"mutation{signIn}", kept + "; Secure; SameSite=Lax", []string{"X-Forwarded-Proto", "https"}},
		"sign out":       {"mutation{signOut}", "boostress_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", nil},
		"sign out by TLS": {
			"mutation{signOut}", "boostress_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
			[]string{"X-Forwarded-Proto", "HTTPS"},
		},
		"neither": {"{who}", "", nil},
	} {
		got := s.post(t, test.query, nil, test.headers...)
		if diff := cmp.Diff(test.want, got.header.Get("Set-Cookie")); diff != "" || len(got.Errors) > 0 {
			t.Errorf("%s: (-want +got)\n%s\n%s", name, diff, got.text)
		}
	}
}

func TestAuthenticatorAway(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.doorman.away.Store(true)
	got := s.post(t, "{who}", nil, "X-API-Key", goodKey)
	if got.status != http.StatusServiceUnavailable || got.code() != "INTERNAL" || got.Errors[0].Extensions["retryable"] != true {
		t.Errorf("got %d %s", got.status, got.text)
	}
	if strings.Contains(got.text, "10.0.0.1") {
		t.Errorf("the cause is shown: %s", got.text)
	}
	if log := s.log.String(); strings.Count(log, "10.0.0.1") != 1 || !strings.Contains(log, got.header.Get("X-Request-Id")) {
		t.Errorf("the cause is not logged once: %s", log)
	}
	if got := s.post(t, "{who}", nil); got.status != http.StatusOK {
		t.Errorf("without a credential: %d", got.status)
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	trusting := serve(t, func(o *server.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	plain := serve(t)
	for name, test := range map[string]struct {
		stand     *stand
		forwarded string
		want      string
	}{
		"nobody trusted":   {plain, "192.0.2.1", "127.0.0.1"},
		"no proxy":         {trusting, "", "127.0.0.1"},
		"one":              {trusting, "192.0.2.1", "192.0.2.1"},
		"two":              {trusting, "192.0.2.1, 10.1.1.1", "192.0.2.1"},
		"forged":           {trusting, "198.51.100.7, 192.0.2.1,10.1.1.1", "192.0.2.1"},
		"nonsense":         {trusting, "198.51.100.7, secret, 10.1.1.1", "10.1.1.1"},
		"IPv6":             {trusting, "2001:db8::1", "2001:db8::1"},
		"all of them ours": {trusting, "10.2.2.2, 10.1.1.1", "10.2.2.2"},
	} {
		got := test.stand.post(t, "mutation{signIn}", nil, "X-Forwarded-For", test.forwarded)
		if want := `{"data":{"signIn":"` + test.want + `"}}`; got.text != want {
			t.Errorf("%s: got %s, want %s", name, got.text, want)
		}
	}
}
