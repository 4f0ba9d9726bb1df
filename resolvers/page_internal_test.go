package resolvers

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/store"
)

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("nonsense")
	f.Add(encodeCursor("orders/CREATED_AT/true", store.Key{"2026-01-01T00:00:00Z", "019cb73d-3218-7000-8001-000000000001"}))
	f.Add(encodeCursor("other", store.Key{"1", "2"}))
	f.Fuzz(func(t *testing.T, text string) {
		const sorted = "orders/CREATED_AT/true"
		key, err := decodeCursor(sorted, &text)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Code != codeCursorInvalid {
				t.Fatalf("error is %v, want %s", err, codeCursorInvalid)
			}
			return
		}
		again := encodeCursor(sorted, key)
		same, err := decodeCursor(sorted, &again)
		if err != nil {
			t.Fatalf("%q is not read again: %v", again, err)
		}
		if diff := cmp.Diff(key, same); diff != "" {
			t.Fatalf("key (-read +read again):\n%s", diff)
		}
	})
}
