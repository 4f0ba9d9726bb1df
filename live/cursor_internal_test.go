package live

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/feed"
)

func testCursors(t testing.TB, key string) *Cursors {
	t.Helper()
	cursors, err := NewCursors([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return cursors
}

func testSnapshot(t testing.TB, text string) feed.Snapshot {
	t.Helper()
	s, err := feed.ParseSnapshot(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c cursor) same(other cursor) bool {
	if (c.position == nil) != (other.position == nil) {
		return false
	}
	if p, q := c.position, other.position; p != nil &&
		(p.from.String() != q.from.String() || p.to.String() != q.to.String() || p.id != q.id) {
		return false
	}
	return c.epoch == other.epoch && c.orderID == other.orderID && c.sequence == other.sequence
}

const (
	testKey   = "0123456789abcdef"
	testEpoch = "00112233445566ff"
)

func testValues(t testing.TB) []cursor {
	t.Helper()
	whole := at(testSnapshot(t, "700:720:700,705"))
	partial := position{from: whole.from, to: testSnapshot(t, "720:730:720"), id: 1 << 40}
	orderID := uuid.MustParse("01998ad4-5a3e-7a10-8f7a-6d0c86d0a905")
	return []cursor{
		{epoch: testEpoch, orderID: orderID, sequence: 7},
		{epoch: testEpoch, position: &whole},
		{epoch: testEpoch, orderID: orderID, sequence: 1 << 30, position: &partial},
	}
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	cursors := testCursors(t, testKey)
	for _, value := range testValues(t) {
		text, err := cursors.encode(value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cursors.decode(text)
		if err != nil || !got.same(value) {
			t.Errorf("%v became %v, %v", value, got, err)
		}
		t.Logf("%d characters: %s", len(text), text)
		if _, err := testCursors(t, testKey+"x").decode(text); !errors.Is(err, ErrCursorInvalid) {
			t.Errorf("another key's cursor: %v", err)
		}
		rotated, err := NewCursors([]byte(testKey+"x"), []byte(testKey))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rotated.decode(text); err != nil || !got.same(value) {
			t.Errorf("an older key's cursor: %v, %v", got, err)
		}
		for i := range text {
			changed := text[:i] + string(rune('A'+('B'-text[i]+26)%26)) + text[i+1:]
			if _, err := cursors.decode(changed); changed != text && !errors.Is(err, ErrCursorInvalid) {
				t.Errorf("changed at %d: %v", i, err)
			}
		}
	}
}

func TestCursorRefused(t *testing.T) {
	t.Parallel()
	cursors := testCursors(t, testKey)
	for _, text := range []string{"", "0", "!", "AAAA", strings.Repeat("A", 100), strings.Repeat("A", cursorTextMax+1)} {
		if _, err := cursors.decode(text); !errors.Is(err, ErrCursorInvalid) {
			t.Errorf("decode %.20q: %v", text, err)
		}
	}
	if _, err := cursors.encode(cursor{epoch: "no epoch"}); err == nil {
		t.Error("a cursor of no epoch was written")
	}
	if _, err := NewCursors([]byte("short")); err == nil {
		t.Error("a short key was taken")
	}
}

// FuzzCursor hands the parser bodies with a right code, as only a holder of the key could, and texts as they come.
func FuzzCursor(f *testing.F) {
	cursors := testCursors(f, testKey)
	for _, value := range testValues(f) {
		text, err := cursors.encode(value)
		if err != nil {
			f.Fatal(err)
		}
		body, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body[:len(body)-cursorMAC])
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := cursors.decode(string(body)); err != nil && !errors.Is(err, ErrCursorInvalid) {
			t.Fatal(err)
		}
		text := base64.RawURLEncoding.EncodeToString(append(slices.Clip(body), mac(cursors.keys[0], body)...))
		value, err := cursors.decode(text)
		if err != nil {
			if !errors.Is(err, ErrCursorInvalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := cursors.encode(value)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := cursors.decode(again); err != nil || !got.same(value) {
			t.Fatalf("%v became %v, %v", value, got, err)
		}
	})
}
