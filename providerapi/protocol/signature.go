package protocol

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Webhooks are signed as Standard Webhooks describes: HMAC-SHA256 of "id.timestamp.body".
const (
	// Tolerance is how far a webhook's timestamp may be from now, either way.
	Tolerance = 5 * time.Minute

	secretPrefix     = "whsec_"
	signaturePrefix  = "v1,"
	minSecret        = 24 // bytes
	maxSecret        = 64
	maxSecrets       = 4
	maxSignatures    = 8
	maxWebhookHeader = 2048
)

// Errors of signatures.
var (
	ErrSecret    = errors.New("bad webhook secret")
	ErrSignature = errors.New("bad webhook signature")
)

// Secret signs webhooks. It does not print itself.
type Secret struct{ key []byte }

// String hides the secret.
func (Secret) String() string { return "[redacted]" }

// GoString hides the secret.
func (Secret) GoString() string { return "[redacted]" }

// ParseSecrets reads one secret or, during a rotation, up to four, separated by spaces: "whsec_" and 24 to 64 bytes
// in base64. It fails with ErrSecret and never repeats what it was given.
func ParseSecrets(text string) ([]Secret, error) {
	words := strings.Fields(text)
	if len(words) > maxSecrets {
		return nil, fmt.Errorf("%w: at most %d at a time", ErrSecret, maxSecrets)
	}
	secrets := make([]Secret, 0, len(words))
	for _, word := range words {
		encoded, prefixed := strings.CutPrefix(word, secretPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !prefixed || err != nil || len(key) < minSecret || len(key) > maxSecret {
			return nil, fmt.Errorf("%w: want %s and %d to %d bytes in base64", ErrSecret, secretPrefix, minSecret, maxSecret)
		}
		secrets = append(secrets, Secret{key: key})
	}
	return secrets, nil
}

// FormatSecret spells a key as ParseSecrets reads it.
func FormatSecret(key []byte) string { return secretPrefix + base64.StdEncoding.EncodeToString(key) }

// Sign sets the headers of a webhook: its id, the time and a signature by each secret.
func Sign(header http.Header, secrets []Secret, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signatures[i] = signaturePrefix + base64.StdEncoding.EncodeToString(secret.sum(id, timestamp, body))
	}
	header.Set(HeaderWebhookID, id)
	header.Set(HeaderWebhookTimestamp, timestamp)
	header.Set(HeaderWebhookSignature, strings.Join(signatures, " "))
}

// Verify returns the id of a webhook that one of the secrets signed within five minutes of now. It fails with
// ErrSignature and says nothing that helps to forge one.
func Verify(header http.Header, secrets []Secret, now time.Time, body []byte) (id string, err error) {
	id, timestamp := single(header, HeaderWebhookID), single(header, HeaderWebhookTimestamp)
	signatures := header.Values(HeaderWebhookSignature)
	// A full stop within the id would let its end pass for a timestamp.
	if !ValidKey(id) || strings.Contains(id, ".") || timestamp == "" || len(signatures) == 0 || len(body) > MaxWebhook {
		return "", fmt.Errorf("%w: headers are missing or malformed", ErrSignature)
	}
	if !fresh(timestamp, now) {
		return "", fmt.Errorf("%w: timestamp is not within %s of now", ErrSignature, Tolerance)
	}
	joined := strings.Join(signatures, " ")
	if len(joined) > maxWebhookHeader {
		return "", fmt.Errorf("%w: headers are missing or malformed", ErrSignature)
	}
	given := strings.Fields(joined)
	if len(given) > maxSignatures {
		return "", fmt.Errorf("%w: too many signatures", ErrSignature)
	}
	if !signed(given, secrets, id, timestamp, body) {
		return "", fmt.Errorf("%w: none matches", ErrSignature)
	}
	return id, nil
}

func signed(given []string, secrets []Secret, id, timestamp string, body []byte) bool {
	found := false
	for _, secret := range secrets {
		want := secret.sum(id, timestamp, body)
		for _, signature := range given {
			encoded, versioned := strings.CutPrefix(signature, signaturePrefix)
			got, err := base64.StdEncoding.DecodeString(encoded)
			if versioned && err == nil && hmac.Equal(got, want) {
				found = true
			}
		}
	}
	return found
}

func (s Secret) sum(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	// Writing to a hash never fails.
	_, _ = mac.Write([]byte(id + "." + timestamp + "."))
	_, _ = mac.Write(body)
	return mac.Sum(nil)
}

// fresh reports whether the timestamp, in seconds since 1970, is close to now.
func fresh(timestamp string, now time.Time) bool {
	if !digits(timestamp) || len(timestamp) > len("9999999999") {
		return false
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return false
	}
	age := now.Sub(time.Unix(seconds, 0))
	return -Tolerance <= age && age <= Tolerance
}

// single returns a header that was sent once, and "" for one that was not.
func single(header http.Header, name string) string {
	if values := header.Values(name); len(values) == 1 {
		return values[0]
	}
	return ""
}
