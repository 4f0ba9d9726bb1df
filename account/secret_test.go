package account_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/boostress/boostress/account"
)

func TestMintedKeysParse(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, testMode := range []bool{false, true} {
		for range 200 {
			key := account.MintAPIKey(testMode)
			got, err := account.ParseAPIKey(key)
			if err != nil || got != testMode {
				t.Fatalf("%s: test mode %v and error %v, want %v", key, got, err, testMode)
			}
			if seen[key] {
				t.Fatalf("%s was minted twice", key)
			}
			seen[key] = true
		}
	}
}

func TestMintedKeysUseTheWholeAlphabet(t *testing.T) {
	t.Parallel()
	used := map[rune]int{}
	const keys, random = 2000, 30
	for range keys {
		for _, r := range account.MintAPIKey(false)[len("bsk_"):][:random] {
			used[r]++
		}
	}
	if len(used) != 62 {
		t.Fatalf("%d different characters, want 62", len(used))
	}
	// 968 expected of each, with a deviation of 31: seven deviations never happen by chance.
	for r, count := range used {
		if count < 750 || count > 1190 {
			t.Fatalf("%q was drawn %d times of %d", r, count, keys*random)
		}
	}
}

func TestParseAPIKeyRefuses(t *testing.T) {
	t.Parallel()
	key, testKey := account.MintAPIKey(false), account.MintAPIKey(true)
	flip := "A"
	if strings.HasSuffix(key, flip) {
		flip = "B"
	}
	for name, text := range map[string]string{
		"nothing":            "",
		"prefix only":        "bsk_",
		"another prefix":     "xsk_" + key[4:],
		"a session":          account.MintSessionToken(),
		"wrong checksum":     key[:len(key)-1] + flip,
		"too short":          key[:len(key)-1],
		"too long":           key + "A",
		"space around":       " " + key,
		"sign within":        key[:10] + "-" + key[11:],
		"upper case":         strings.ToUpper(key),
		"test made live":     "bsk_" + testKey[len("bsk_test_"):],
		"live made test":     "bsk_test_" + key[len("bsk_"):],
		"null byte":          key[:len(key)-1] + "\x00",
		"checksum of others": key[:len(key)-6] + testKey[len(testKey)-6:],
	} {
		if _, err := account.ParseAPIKey(text); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", name, err)
		}
	}
}

func TestEveryChangedCharacterIsNoticed(t *testing.T) {
	t.Parallel()
	key := account.MintAPIKey(false)
	for i := range key {
		for _, other := range "0Az_" {
			changed := key[:i] + string(other) + key[i+1:]
			if _, err := account.ParseAPIKey(changed); changed != key && err == nil {
				t.Fatalf("%s was taken, made of %s", changed, key)
			}
		}
	}
}

func TestSessionTokens(t *testing.T) {
	t.Parallel()
	token := account.MintSessionToken()
	if err := account.ParseSessionToken(token); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", token[1:], token + "x", account.MintAPIKey(false)} {
		if err := account.ParseSessionToken(text); !errors.Is(err, account.ErrMalformed) {
			t.Errorf("%q: got %v, want ErrMalformed", text, err)
		}
	}
}

func TestShownPrefix(t *testing.T) {
	t.Parallel()
	for _, testMode := range []bool{false, true} {
		key := account.MintAPIKey(testMode)
		prefix, err := account.ShownPrefix(key)
		if err != nil || !strings.HasPrefix(key, prefix) {
			t.Fatalf("got %q and %v for %s", prefix, err, key)
		}
		if hidden := len(key) - len(prefix); hidden != 30 {
			t.Fatalf("%d characters stay hidden, want 30", hidden)
		}
	}
	if _, err := account.ShownPrefix("bsk_nonsense"); !errors.Is(err, account.ErrMalformed) {
		t.Fatalf("got %v, want ErrMalformed", err)
	}
}

func TestHashSecret(t *testing.T) {
	t.Parallel()
	a, b := account.HashSecret("a"), account.HashSecret("b")
	if len(a) != 32 || bytes.Equal(a, b) || !bytes.Equal(a, account.HashSecret("a")) {
		t.Fatalf("hashes %x and %x", a, b)
	}
}

func FuzzParseAPIKey(f *testing.F) {
	f.Add(account.MintAPIKey(false))
	f.Add(account.MintAPIKey(true))
	f.Add("bsk_")
	f.Add("bsk_test_")
	f.Fuzz(func(t *testing.T, text string) {
		testMode, err := account.ParseAPIKey(text)
		if err != nil {
			if !errors.Is(err, account.ErrMalformed) || strings.Contains(err.Error(), text) && len(text) > 10 {
				t.Fatalf("unexpected error: %v", err)
			}
			return
		}
		want := "bsk_"
		if testMode {
			want = "bsk_test_"
		}
		if !strings.HasPrefix(text, want) || len(text) != len(want)+36 {
			t.Fatalf("%q was taken", text)
		}
		if _, err := account.ShownPrefix(text); err != nil {
			t.Fatalf("a good key has no prefix to show: %v", err)
		}
	})
}
