package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/boostress/boostress/internal/gqlclient"
)

// signedIn signs in as the admin, as a person would, and makes an API key for the test.
func (c *cluster) signedIn(addr string) *gqlclient.Client {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	browser := &gqlclient.Client{URL: "http://" + addr + "/graphql", HTTP: &http.Client{Jar: jar}}
	var session struct {
		SignIn struct {
			User       *struct{ Username string }
			UserErrors []struct{ Message string }
		}
	}
	must(c.t, browser.Do(c.t.Context(), `mutation($input: SignInInput!) { signIn(input: $input) {
		user { username } userErrors { message } } }`,
		map[string]any{"input": map[string]any{"username": "admin", "password": adminPassword}}, &session))
	if session.SignIn.User == nil {
		c.t.Fatalf("sign in: %v", session.SignIn.UserErrors)
	}
	var key struct {
		CreateAPIKey struct {
			Secret     *string
			UserErrors []struct{ Message string }
		} `json:"createApiKey"`
	}
	must(c.t, browser.Do(c.t.Context(), `mutation { createApiKey(input: {name: "e2e", role: ADMIN}) {
		secret userErrors { message } } }`, nil, &key))
	if key.CreateAPIKey.Secret == nil {
		c.t.Fatalf("make a key: %v", key.CreateAPIKey.UserErrors)
	}
	return &gqlclient.Client{URL: browser.URL, Key: *key.CreateAPIKey.Secret}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put sends JSON to the simulated providers' admin side.
func (c *cluster) put(ctx context.Context, path string, body any) {
	c.t.Helper()
	content, err := json.Marshal(body)
	must(c.t, err)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+c.sandbox+path, bytes.NewReader(content))
	must(c.t, err)
	request.Header.Set("Authorization", "Bearer "+sandboxToken)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	must(c.t, err)
	must(c.t, response.Body.Close())
	if response.StatusCode >= http.StatusMultipleChoices {
		c.t.Fatalf("PUT %s: HTTP %d", path, response.StatusCode)
	}
}

// get reads JSON from the simulated providers' admin side.
func (c *cluster) get(ctx context.Context, path string, into any) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.sandbox+path, http.NoBody)
	must(c.t, err)
	request.Header.Set("Authorization", "Bearer "+sandboxToken)
	response, err := http.DefaultClient.Do(request)
	must(c.t, err)
	defer func() { must(c.t, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		c.t.Fatalf("GET %s: HTTP %d", path, response.StatusCode)
	}
	must(c.t, json.NewDecoder(response.Body).Decode(into))
}
