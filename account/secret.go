package account

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"strings"
)

// A secret reads: prefix, 30 random characters (178 bits), 6 characters of a checksum over all before them. The prefix
// lets secret scanners and people recognize one; the checksum lets us refuse a mistyped or made-up one without asking
// the database.
const (
	keyPrefix     = "bsk_"
	testKeyPrefix = "bsk_test_"
	sessionPrefix = "bss_"

	randomLength   = 30
	checksumLength = 6
	shownLength    = 6 // of the random characters, leaving 142 bits that nobody is shown

	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// ErrMalformed is returned for a secret that can't be one of ours: its prefix, length, alphabet or checksum is wrong.
var ErrMalformed = errors.New("malformed secret")

// MintAPIKey returns the text of a fresh API key, of test mode where asked for.
func MintAPIKey(testMode bool) string {
	if testMode {
		return mint(testKeyPrefix)
	}
	return mint(keyPrefix)
}

// ParseAPIKey checks that text can be an API key and reports whether it is one of test mode. It fails with
// ErrMalformed. Whether the key exists, only the record knows.
func ParseAPIKey(text string) (testMode bool, err error) {
	if strings.HasPrefix(text, testKeyPrefix) {
		return true, check(text, testKeyPrefix)
	}
	return false, check(text, keyPrefix)
}

// MintSessionToken returns a fresh token for a session's cookie.
func MintSessionToken() string { return mint(sessionPrefix) }

// ParseSessionToken checks that text can be a session's token. It fails with ErrMalformed.
func ParseSessionToken(text string) error { return check(text, sessionPrefix) }

// HashSecret returns the SHA-256 of a key or token: what is stored in its place. A slow hash would add nothing,
// because nobody can guess 178 random bits.
func HashSecret(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// ShownPrefix returns the first characters of an API key, by which people recognize it. It fails with ErrMalformed.
func ShownPrefix(key string) (string, error) {
	testMode, err := ParseAPIKey(key)
	if err != nil {
		return "", err
	}
	if testMode {
		return key[:len(testKeyPrefix)+shownLength], nil
	}
	return key[:len(keyPrefix)+shownLength], nil
}

func mint(prefix string) string {
	text := make([]byte, 0, len(prefix)+randomLength+checksumLength)
	text = append(text, prefix...)
	for len(text) < len(prefix)+randomLength {
		text = appendRandom(text, len(prefix)+randomLength)
	}
	return string(append(text, checksum(string(text))...))
}

// appendRandom fills text up to length as far as one draw of random bytes goes. Bytes beyond the largest multiple of
// the alphabet's size are dropped: they would make the first characters more likely.
func appendRandom(text []byte, length int) []byte {
	const fair = 256 / len(alphabet) * len(alphabet)
	var draw [randomLength]byte
	rand.Read(draw[:]) // ends the process rather than fail
	for _, b := range draw {
		if int(b) < fair && len(text) < length {
			text = append(text, alphabet[int(b)%len(alphabet)])
		}
	}
	return text
}

func check(text, prefix string) error {
	body, found := strings.CutPrefix(text, prefix)
	if !found || len(body) != randomLength+checksumLength {
		return ErrMalformed
	}
	for i := range len(body) {
		if strings.IndexByte(alphabet, body[i]) < 0 {
			return ErrMalformed
		}
	}
	end := len(text) - checksumLength
	if checksum(text[:end]) != text[end:] {
		return ErrMalformed
	}
	return nil
}

// checksum writes the CRC-32 of text in base 62; six characters hold all 32 bits.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var digits [checksumLength]byte
	for i := range digits {
		digits[checksumLength-1-i] = alphabet[sum%uint32(len(alphabet))]
		sum /= uint32(len(alphabet))
	}
	return string(digits[:])
}
