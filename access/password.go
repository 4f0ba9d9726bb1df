package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// The cost of a password hash: what OWASP asks for at least.
const (
	hashMemory  = 19 << 10 // KiB
	hashPasses  = 2
	hashThreads = 1
	saltLength  = 16
	tagLength   = 32
)

const (
	// hashSlots bounds the hashes that are computed at a time: each takes 19 MiB and a core.
	hashSlots = 2
	// hashQueue bounds those who wait for a slot; more are told to come back.
	hashQueue = 64
)

var errHash = errors.New("stored password hash can't be read")

// encoded is the text form of unpadded base64 that PHC strings use.
func encode(raw []byte) string { return base64.RawStdEncoding.EncodeToString(raw) }

// passwordHash is a parsed PHC string.
type passwordHash struct {
	memory, passes uint32
	threads        uint8
	salt, tag      []byte
}

func (h passwordHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.memory, h.passes, h.threads, encode(h.salt), encode(h.tag))
}

func parsePasswordHash(text string) (passwordHash, error) {
	const parts = 6
	part := strings.Split(text, "$")
	if len(part) != parts || part[0] != "" || part[1] != "argon2id" || part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return passwordHash{}, errHash
	}
	var h passwordHash
	if _, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil {
		return passwordHash{}, errHash
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(part[4]); err != nil {
		return passwordHash{}, errHash
	}
	if h.tag, err = base64.RawStdEncoding.DecodeString(part[5]); err != nil {
		return passwordHash{}, errHash
	}
	// The bounds keep a row that somebody else wrote from taking all memory, and argon2 from panicking.
	const mostMemory, mostPasses, leastTag = 1 << 20, 64, 16
	if h.memory > mostMemory || h.passes < 1 || h.passes > mostPasses || h.threads < 1 || len(h.tag) < leastTag {
		return passwordHash{}, errHash
	}
	return h, nil
}

// hashes computes password hashes, a bounded number at a time.
type hashes struct {
	derive  Derive
	slots   chan struct{}
	waiting atomic.Int32
	// nobody is the hash of a password that nobody knows: unknown users are checked against it, and take as long.
	nobody string
}

func newHashes(derive Derive) *hashes {
	return &hashes{
		derive: derive, slots: make(chan struct{}, hashSlots),
		nobody: passwordHash{
			memory: hashMemory, passes: hashPasses, threads: hashThreads, salt: random(saltLength), tag: random(tagLength),
		}.String(),
	}
}

// enter waits for a slot, which leave gives back. It fails with a ThrottledError when too many wait already.
func (h *hashes) enter(ctx context.Context) (leave func(), err error) {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > hashQueue {
		return nil, &ThrottledError{RetryAfter: time.Second}
	}
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait to check password: %w", ctx.Err())
	}
}

// make returns the PHC string of a password's hash with a fresh salt. The caller holds a slot.
func (h *hashes) make(password string) string {
	hash := passwordHash{memory: hashMemory, passes: hashPasses, threads: hashThreads, salt: random(saltLength)}
	hash.tag = h.derive([]byte(password), hash.salt, hash.passes, hash.memory, hash.threads, tagLength)
	return hash.String()
}

// matches reports whether password is the one that a PHC string was made of. The caller holds a slot.
func (h *hashes) matches(text, password string) (bool, error) {
	want, err := parsePasswordHash(text)
	if err != nil {
		return false, err
	}
	length := uint32(len(want.tag)) //nolint:gosec // a column's value
	tag := h.derive([]byte(password), want.salt, want.passes, want.memory, want.threads, length)
	return subtle.ConstantTimeCompare(tag, want.tag) == 1, nil
}

func random(length int) []byte {
	raw := make([]byte, length)
	rand.Read(raw) // ends the process rather than fail
	return raw
}
