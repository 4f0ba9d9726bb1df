package sandbox_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// A provider whose books can't be written claims nothing.
func TestBrokenJournal(t *testing.T) {
	t.Parallel()

	server, err := sandbox.New(sandbox.Config{DataDir: t.TempDir(), Providers: sandbox.DefaultProviders(nil)})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.SetBehavior(slug, sandbox.Behavior{}); err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, server: server, apiKey: sandbox.DefaultProviders(nil)[0].APIKey}
	kept := s.order(s.do(http.MethodPost, "/v1/orders", "kept", poster))
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if answer := s.do(http.MethodPost, "/v1/orders", "k", poster); answer.Code != http.StatusInternalServerError {
			t.Errorf("HTTP %d %s", answer.Code, answer.Body)
		}
	}
	if answer := s.do(http.MethodGet, "/v1/orders?key=k", "", ""); answer.Code != http.StatusInternalServerError {
		t.Errorf("HTTP %d %s", answer.Code, answer.Body)
	}
	if answer := s.do(http.MethodGet, "/v1/orders/"+kept.ID, "", ""); answer.Code != http.StatusOK {
		t.Errorf("HTTP %d %s", answer.Code, answer.Body)
	}
	if err := server.Run(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// Whatever is in the file, it is either refused and left alone, or kept from then on.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"record":"order","slug":"a","seq":3,"digest":"00","price":4900000,"currency":"EUR","visible":1,"due":2,"order":` +
		`{"id":"a-b-3","key":"k","status":"accepted","quantity":2,"delivered":0,"createdAt":"2026-11-24T12:00:00Z"}}` + "\n"))
	f.Add([]byte(`{"record":"error","slug":"a","key":"k"}` + "\n" +
		`{"record":"settings","slug":"parcelway","behavior":{"fail":1}}` + "\n{"))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "sandbox-ledger.jsonl")
		write(t, path, content)
		config := sandbox.Config{DataDir: dir, Providers: sandbox.DefaultProviders(nil)}
		first, err := sandbox.New(config)
		if err != nil {
			left, readErr := os.ReadFile(path)
			if !errors.Is(err, sandbox.ErrJournal) || readErr != nil || !cmp.Equal(content, left) {
				t.Fatalf("%v, %v, left %q", err, readErr, left)
			}
			return
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second, err := sandbox.New(config)
		if err != nil {
			t.Fatalf("what was written can't be read: %v", err)
		}
		if diff := cmp.Diff(first.Stats(), second.Stats()); diff != "" {
			t.Error(diff)
		}
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAmountsAreExact(t *testing.T) {
	t.Parallel()

	providers := sandbox.DefaultProviders(nil)[:1]
	providers[0].Behavior = sandbox.Behavior{Instant: true}
	for i, price := range []string{"0.0125", "999999999999.999999", "1", "0.333333", "123456.7"} {
		providers[0].Offers[i].UnitPrice.Amount, providers[0].Offers[i].MaxQuantity = price, 0
	}
	server, err := sandbox.New(sandbox.Config{Providers: providers})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, server: server, apiKey: providers[0].APIKey}
	for key, tt := range map[string]struct{ body, want string }{
		"fraction": {`{"offerId":"poster-a4","quantity":3}`, "0.0375"},
		"most":     {`{"offerId":"poster-a3","quantity":1}`, "999999999999.999999"},
		"whole":    {`{"offerId":"poster-a2","quantity":1000000000}`, "1000000000.00"},
		"third":    {`{"offerId":"photo-book-a4","quantity":3}`, "0.999999"},
		"one":      {`{"offerId":"business-cards-100","quantity":2}`, "246913.40"},
	} {
		if got := s.order(s.do(http.MethodPost, "/v1/orders", key, tt.body)); got.Charge == nil || got.Charge.Amount != tt.want {
			t.Errorf("%s: got %+v, want %s", key, got.Charge, tt.want)
		}
	}
	answer := s.do(http.MethodPost, "/v1/orders", "over", `{"offerId":"poster-a3","quantity":2}`)
	refusal, err := protocol.ParseRefusal(answer.Body.Bytes())
	if err != nil || refusal.Code != "amount_out_of_range" {
		t.Errorf("got %+v, %v", refusal, err)
	}
}
