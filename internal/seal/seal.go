// Package seal encrypts the secrets that are kept in the database, such as the credentials of providers, under keys
// that are not kept there.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The errors of a Keyring. None of them carries a key or a secret.
var (
	// ErrBadKey is returned by NewKeyring for what is no key of KeySize bytes in base64, and for a key given twice.
	ErrBadKey = errors.New("sealing key is not 32 bytes in base64")
	// ErrNoKey is returned by NewKeyring when it is given no key at all.
	ErrNoKey = errors.New("no sealing key")
	// ErrKey is returned by Open for what was sealed under a key that the keyring doesn't hold.
	ErrKey = errors.New("sealed under an unknown key")
	// ErrCorrupt is returned by Open for what no keyring sealed, what was changed since, or what belongs elsewhere:
	// the associated data differs.
	ErrCorrupt = errors.New("sealed data is corrupt or belongs elsewhere")
	// ErrTooLong is returned by Seal for more than MaxPlain bytes.
	ErrTooLong = errors.New("too long to be sealed")
)

const (
	// KeySize is the length of a key in bytes: AES-256.
	KeySize = 32
	// MaxPlain is the most that Seal takes, in bytes.
	MaxPlain = 1 << 20

	// What is sealed reads: version, id of the key, nonce, ciphertext, tag.
	version    = 1
	idSize     = 8
	headerSize = 1 + idSize
	nonceSize  = 12
	tagSize    = 16
)

// keyID recognizes a key without telling anything about it: the start of a hash of 256 random bits.
type keyID [idSize]byte

type key struct {
	id   keyID
	aead cipher.AEAD
}

// Keyring seals under its first key and opens under each. It is safe for concurrent use.
type Keyring struct {
	keys []key
}

// GenerateKey returns a fresh random key in base64, as NewKeyring reads it.
func GenerateKey() string {
	raw := make([]byte, KeySize)
	rand.Read(raw) // ends the process rather than fail
	return base64.StdEncoding.EncodeToString(raw)
}

// NewKeyring reads keys of KeySize bytes in standard base64; spaces and line ends around a key don't matter. The first
// seals, all open: a new key goes in front of the old ones. It fails with ErrNoKey and ErrBadKey.
func NewKeyring(keys ...string) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, ErrNoKey
	}
	ring := &Keyring{keys: make([]key, 0, len(keys))}
	for i, text := range keys {
		k, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("sealing key %d: %w", i+1, err)
		}
		if ring.find(k.id) != nil {
			return nil, fmt.Errorf("sealing key %d: %w: given twice", i+1, ErrBadKey)
		}
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

func parseKey(text string) (key, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != KeySize {
		return key{}, ErrBadKey // without what was read: it may be a key after all
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{}, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, fmt.Errorf("make cipher: %w", err)
	}
	sum := sha256.Sum256(append([]byte("boostress sealing key\x00"), raw...))
	return key{id: keyID(sum[:idSize]), aead: aead}, nil
}

// Seal encrypts plain so that only Open with the same aad gives it back. The associated data binds the result to its
// place, the id of its row, so that it can't be moved to another. Fails with ErrTooLong.
func (r *Keyring) Seal(plain, aad []byte) ([]byte, error) {
	if len(plain) > MaxPlain {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(plain), MaxPlain)
	}
	k := r.keys[0]
	sealed := make([]byte, 0, headerSize+nonceSize+len(plain)+tagSize)
	sealed = append(sealed, version)
	sealed = append(sealed, k.id[:]...)
	return k.aead.Seal(sealed, nil, plain, bind(sealed, aad)), nil //nolint:gosec // nil: this AEAD draws its own nonce
}

// Open returns what Seal was given. It fails with ErrKey where the keyring lacks the key, and with ErrCorrupt where
// sealed or aad are not what Seal returned and was given.
func (r *Keyring) Open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < headerSize+nonceSize+tagSize || sealed[0] != version {
		return nil, ErrCorrupt
	}
	header, body := sealed[:headerSize], sealed[headerSize:]
	k := r.find(keyID(header[1:]))
	if k == nil {
		return nil, fmt.Errorf("%w: %x", ErrKey, header[1:])
	}
	plain, err := k.aead.Open(nil, nil, body, bind(header, aad))
	if err != nil {
		return nil, ErrCorrupt
	}
	return plain, nil
}

// Current reports whether sealed is under the first key; what is not should be sealed anew before its key is dropped.
func (r *Keyring) Current(sealed []byte) bool {
	return len(sealed) >= headerSize && sealed[0] == version && keyID(sealed[1:headerSize]) == r.keys[0].id
}

func (r *Keyring) find(id keyID) *key {
	i := slices.IndexFunc(r.keys, func(k key) bool { return k.id == id })
	if i < 0 {
		return nil
	}
	return &r.keys[i]
}

// bind puts the header, whose length is fixed, under the seal's protection too.
func bind(header, aad []byte) []byte {
	return append(append(make([]byte, 0, len(header)+len(aad)), header...), aad...)
}
