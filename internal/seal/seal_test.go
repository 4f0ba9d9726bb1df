package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/boostress/boostress/internal/seal"
)

func keyring(tb testing.TB, keys ...string) *seal.Keyring {
	tb.Helper()
	ring, err := seal.NewKeyring(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return ring
}

func sealed(tb testing.TB, ring *seal.Keyring, plain, aad string) []byte {
	tb.Helper()
	box, err := ring.Seal([]byte(plain), []byte(aad))
	if err != nil {
		tb.Fatal(err)
	}
	return box
}

func TestOpenGivesBackWhatWasSealed(t *testing.T) {
	t.Parallel()
	ring := keyring(t, seal.GenerateKey())
	for _, plain := range []string{"", "x", `{"token":"s3cret"}`, strings.Repeat("a", seal.MaxPlain)} {
		box := sealed(t, ring, plain, "row 1")
		if len(plain) > 1 && bytes.Contains(box, []byte(plain)) {
			t.Fatal("the secret can be read in what was sealed")
		}
		got, err := ring.Open(box, []byte("row 1"))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != plain {
			t.Fatalf("opened %d bytes, want %d", len(got), len(plain))
		}
	}
}

func TestSealIsFreshEachTime(t *testing.T) {
	t.Parallel()
	ring := keyring(t, seal.GenerateKey())
	if bytes.Equal(sealed(t, ring, "same", "row"), sealed(t, ring, "same", "row")) {
		t.Fatal("two seals of one secret are equal")
	}
}

func TestSealRefusesTooLong(t *testing.T) {
	t.Parallel()
	_, err := keyring(t, seal.GenerateKey()).Seal(make([]byte, seal.MaxPlain+1), nil)
	if !errors.Is(err, seal.ErrTooLong) {
		t.Fatalf("got %v, want ErrTooLong", err)
	}
}

func TestOpenRefusesAnotherPlace(t *testing.T) {
	t.Parallel()
	ring := keyring(t, seal.GenerateKey())
	box := sealed(t, ring, "secret", "row 1")
	for _, aad := range []string{"", "row 2", "row 1\x00"} {
		if _, err := ring.Open(box, []byte(aad)); !errors.Is(err, seal.ErrCorrupt) {
			t.Fatalf("aad %q: got %v, want ErrCorrupt", aad, err)
		}
	}
}

func TestOpenRefusesEveryChangedByte(t *testing.T) {
	t.Parallel()
	ring := keyring(t, seal.GenerateKey())
	box := sealed(t, ring, "secret", "row 1")
	for i := range box {
		changed := bytes.Clone(box)
		changed[i] ^= 1
		_, err := ring.Open(changed, []byte("row 1"))
		want := seal.ErrCorrupt
		if i >= 1 && i <= 8 { // the key's id
			want = seal.ErrKey
		}
		if !errors.Is(err, want) {
			t.Fatalf("byte %d: got %v, want %v", i, err, want)
		}
	}
	for length := range box {
		if _, err := ring.Open(box[:length], []byte("row 1")); !errors.Is(err, seal.ErrCorrupt) {
			t.Fatalf("first %d bytes: got %v, want ErrCorrupt", length, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	before, after := seal.GenerateKey(), seal.GenerateKey()
	old, both, renewed := keyring(t, before), keyring(t, after, before), keyring(t, after)

	box := sealed(t, old, "secret", "row")
	if both.Current(box) {
		t.Fatal("what the old key sealed counts as current")
	}
	plain, err := both.Open(box, []byte("row"))
	if err != nil {
		t.Fatal(err)
	}
	again := sealed(t, both, string(plain), "row")
	if !both.Current(again) {
		t.Fatal("what was just sealed is not current")
	}
	if _, err := renewed.Open(again, []byte("row")); err != nil {
		t.Fatalf("the new key alone: %v", err)
	}
	if _, err := old.Open(again, []byte("row")); !errors.Is(err, seal.ErrKey) {
		t.Fatalf("the old key alone: got %v, want ErrKey", err)
	}
	if both.Current(nil) {
		t.Fatal("nothing counts as current")
	}
}

func TestNewKeyringRefuses(t *testing.T) {
	t.Parallel()
	good := seal.GenerateKey()
	for name, test := range map[string]struct {
		keys []string
		want error
	}{
		"no key":     {nil, seal.ErrNoKey},
		"empty":      {[]string{""}, seal.ErrBadKey},
		"not base64": {[]string{"correct horse"}, seal.ErrBadKey},
		"too short":  {[]string{base64.StdEncoding.EncodeToString(make([]byte, 31))}, seal.ErrBadKey},
		"too long":   {[]string{base64.StdEncoding.EncodeToString(make([]byte, 33))}, seal.ErrBadKey},
		"twice":      {[]string{good, good}, seal.ErrBadKey},
		"second bad": {[]string{good, "x"}, seal.ErrBadKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := seal.NewKeyring(test.keys...)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			for _, key := range test.keys {
				if len(key) > 1 && strings.Contains(err.Error(), key) {
					t.Fatalf("the error holds the key: %v", err)
				}
			}
		})
	}
	if _, err := seal.NewKeyring("  " + good + "\n"); err != nil {
		t.Fatalf("spaces around a key: %v", err)
	}
}

// What was sealed before must open forever: "secret" for "row", under a key of zeros.
const (
	zeroKey   = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	zeroBoxed = "0185d4fdecfa7f3f38f3cc97dbe7c9c0f1cfa8cdd7789f42b63865fe55ebe25b" +
		"a9fcb9301e83d1f8d6bb13"
)

func TestOpenReadsTheStoredForm(t *testing.T) {
	t.Parallel()
	box, err := hex.DecodeString(zeroBoxed)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := keyring(t, zeroKey).Open(box, []byte("row"))
	if err != nil || string(plain) != "secret" {
		t.Fatalf("got %q and %v", plain, err)
	}
}

func FuzzOpen(f *testing.F) {
	ring := keyring(f, zeroKey)
	box, err := hex.DecodeString(zeroBoxed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(box, []byte("row"))
	f.Add(box[:20], []byte("row"))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, data, aad []byte) {
		_, err := ring.Open(data, aad)
		switch {
		case errors.Is(err, seal.ErrKey), errors.Is(err, seal.ErrCorrupt):
		case err != nil:
			t.Fatalf("unexpected error: %v", err)
		case !bytes.Equal(data, box) || string(aad) != "row":
			t.Fatalf("opened what was never sealed: %x", data)
		}
	})
}
