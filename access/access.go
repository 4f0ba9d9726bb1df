// Package access holds the use cases of who may do what: signing in and out, API keys, the first account, and telling
// who makes a request. Each exported method of Service that changes something is one transaction, with its audit entry
// in it.
package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"golang.org/x/crypto/argon2"

	"github.com/boostress/boostress/store"
)

// What callers test for.
var (
	// ErrUnauthenticated is returned for every credential that doesn't hold: malformed, unknown, expired, revoked,
	// ended, of a disabled user. Nothing tells which.
	ErrUnauthenticated = errors.New("the credential is not valid")
	// ErrChanged is returned by Recheck for a principal whose role is no longer what it was.
	ErrChanged = errors.New("the principal's rights have changed")
	// ErrForbidden is returned to principals whose role doesn't allow what they ask for.
	ErrForbidden = errors.New("the role doesn't allow it")
	// ErrInvalidCredentials is returned by SignIn, whatever was wrong: username, password, or a disabled user.
	ErrInvalidCredentials = errors.New("username or password is wrong")
	// ErrThrottled is what a ThrottledError is.
	ErrThrottled = errors.New("too many tries to sign in")
)

// ThrottledError is returned by SignIn to those who have to wait. It is ErrThrottled.
type ThrottledError struct {
	RetryAfter time.Duration // until the next try is allowed; at least a second
}

// Error says how long to wait.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("%v: wait %v", ErrThrottled, e.RetryAfter.Round(time.Second))
}

// Unwrap returns ErrThrottled.
func (e *ThrottledError) Unwrap() error { return ErrThrottled }

// Throttle counts bad tries to sign in by username and by the client's address. Its methods don't fail: an
// implementation whose memory is away falls back to another.
type Throttle interface {
	// Wait returns how long the next try has to wait; zero: it may come now.
	Wait(ctx context.Context, username, clientIP string) time.Duration
	// Count counts a bad try.
	Count(ctx context.Context, username, clientIP string)
	// Forget forgets the bad tries of a username at an address, after a good one.
	Forget(ctx context.Context, username, clientIP string)
}

// Derive is a password hash with the signature of argon2.IDKey; memory is in KiB.
type Derive func(password, salt []byte, passes, memory uint32, threads uint8, length uint32) []byte

// Options tune a Service. Zero values mean the defaults.
type Options struct {
	Log    *slog.Logger     // default: nowhere
	Derive Derive           // default argon2.IDKey
	Clock  func() time.Time // of what is remembered in this process only; default time.Now
	// Keep is how long a credential is taken for what it was when it was last looked up; default 2 s. A revocation
	// reaches other processes after at most that long.
	Keep time.Duration
	// Flush is how often Run writes down what was used; default 15 s.
	Flush time.Duration
}

const (
	defaultKeep  = 2 * time.Second
	defaultFlush = 15 * time.Second
)

// Service runs the use cases on a store. It is safe for concurrent use.
type Service struct {
	store    *store.Store
	throttle Throttle
	log      *slog.Logger
	hashes   *hashes
	flush    time.Duration

	proofs   *proofs[[hashSize]byte] // of credentials
	rechecks *proofs[uuid.UUID]      // of principals, by the id of their key or session
	gone     *otter.Cache[uuid.UUID, struct{}]
	uses     uses
}

// New returns the use cases on st; throttle slows down those who guess passwords.
func New(st *store.Store, throttle Throttle, options Options) *Service {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Derive == nil {
		options.Derive = argon2.IDKey
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Keep == 0 {
		options.Keep = defaultKeep
	}
	if options.Flush == 0 {
		options.Flush = defaultFlush
	}
	return &Service{
		store: st, throttle: throttle, log: options.Log, hashes: newHashes(options.Derive), flush: options.Flush,
		proofs:   newProofs[[hashSize]byte](options.Clock, options.Keep),
		rechecks: newProofs[uuid.UUID](options.Clock, options.Keep/2),
		gone:     newGone(options.Clock, 2*options.Keep),
	}
}
