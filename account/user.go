package account

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The bounds of what users sign in with.
const (
	MaxUsername = 64   // bytes
	MinPassword = 8    // characters
	MaxPassword = 1024 // bytes
)

// What is wrong with a username or a password.
var (
	ErrUsername = errors.New("bad username")
	ErrPassword = errors.New("bad password")
)

// User is a person who signs in.
type User struct {
	ID         uuid.UUID
	AccountID  uuid.UUID
	Username   string // in the spelling of NormalUsername
	Role       Role
	CreatedAt  time.Time
	DisabledAt *time.Time // since when the user may not sign in
}

// Active reports whether the user may sign in.
func (u User) Active() bool { return u.DisabledAt == nil }

// Actor names the user in events and audit.
func (u User) Actor() string { return "user:" + u.Username }

// NormalUsername returns the one spelling of a username: without spaces around it, in lower case.
func NormalUsername(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// CheckUsername fails with ErrUsername unless name is normal and made of the letters a to z, digits and the signs . - _ @ + only.
func CheckUsername(name string) error {
	if name == "" || len(name) > MaxUsername {
		return fmt.Errorf("%w: must have 1 to %d characters", ErrUsername, MaxUsername)
	}
	foreign := func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-_@+", r) }
	if strings.ContainsFunc(name, foreign) {
		return fmt.Errorf("%w: may have lower-case letters, digits and . - _ @ + only", ErrUsername)
	}
	return nil
}

// CheckPassword fails with ErrPassword for a password that is too short, too long, not text, or the username. There
// are no rules about kinds of characters: they make people choose worse ones.
func CheckPassword(password, username string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Errorf("%w: must have at least %d characters", ErrPassword, MinPassword)
	case len(password) > MaxPassword:
		return fmt.Errorf("%w: must have at most %d bytes", ErrPassword, MaxPassword)
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return fmt.Errorf("%w: must be text in UTF-8", ErrPassword)
	case NormalUsername(password) == NormalUsername(username):
		return fmt.Errorf("%w: must not be the username", ErrPassword)
	}
	return nil
}
