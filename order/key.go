package order

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// keyIDLength is the length of the fulfillment's id at the front of an attempt key.
const keyIDLength = 32

// CreateKey is the idempotency key of f's creation at its provider: a function of fulfillment, provider and
// generation, 45 characters or so. It must only be called once f has a provider.
func CreateKey(f *Fulfillment) string {
	provider := hex.EncodeToString(f.ProviderID[8:12])
	return fmt.Sprintf("%s-%s-%d", hex.EncodeToString(f.ID[:]), provider, f.Generation)
}

// CancelKey is the idempotency key of f's cancellation.
func CancelKey(f *Fulfillment) string { return CreateKey(f) + "-cancel" }

// KeyFulfillment reads the fulfillment's id back from a key, and reports whether it is one of ours.
func KeyFulfillment(key string) (uuid.UUID, bool) {
	if len(key) <= keyIDLength || !strings.HasPrefix(key[keyIDLength:], "-") {
		return uuid.Nil, false
	}
	raw, err := hex.DecodeString(key[:keyIDLength])
	if err != nil {
		return uuid.Nil, false
	}
	return uuid.UUID(raw), true
}
