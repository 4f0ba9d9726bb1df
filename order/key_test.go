package order_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

func anyID() *rapid.Generator[uuid.UUID] {
	return rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
}

func TestKeysRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		provider := anyID().Draw(t, "provider")
		f := &order.Fulfillment{
			ID: anyID().Draw(t, "fulfillment"), ProviderID: &provider, Generation: rapid.IntRange(1, 1000).Draw(t, "generation"),
		}
		for _, key := range []string{order.CreateKey(f), order.CancelKey(f)} {
			if got, ours := order.KeyFulfillment(key); !ours || got != f.ID {
				t.Fatalf("key %s of %s is read as %s, %t", key, f.ID, got, ours)
			}
			if len(key) > 64 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Fatalf("key %q is no plain text of at most 64 characters", key)
			}
		}
	})
}

func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	one, other := id.New(id.Provider), id.New(id.Provider)
	base := order.Fulfillment{ID: id.New(id.Fulfillment), ProviderID: &one, Generation: 1}
	later, elsewhere, another := base, base, base
	later.Generation, elsewhere.ProviderID, another.ID = 2, &other, id.New(id.Fulfillment)
	keys := map[string]bool{order.CancelKey(&base): true}
	for _, f := range []order.Fulfillment{base, later, elsewhere, another} {
		keys[order.CreateKey(&f)] = true
	}
	if len(keys) != 5 {
		t.Errorf("5 keys, of which %d differ: %v", len(keys), keys)
	}
}

func FuzzKeyFulfillment(f *testing.F) {
	provider := id.New(id.Provider)
	known := order.CreateKey(&order.Fulfillment{ID: id.New(id.Fulfillment), ProviderID: &provider, Generation: 1})
	for _, seed := range []string{"", "-", known, known[:32], known[:33], strings.ToUpper(known), strings.Repeat("z", 33)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		got, ours := order.KeyFulfillment(key)
		if !ours && got != uuid.Nil {
			t.Errorf("%q is not ours and still gives %s", key, got)
		}
		if ours && !strings.HasPrefix(strings.ToLower(key), strings.ReplaceAll(got.String(), "-", "")+"-") {
			t.Errorf("%q is read as %s", key, got)
		}
	})
}
