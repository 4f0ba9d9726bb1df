package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

var errBothGiven = errors.New("is given both as a value and as a file: keep one")

// secretNames lists the environment variables that can be given as a file, by the same name with _FILE.
func secretNames() []string {
	return []string{
		"DATABASE_URL", "REDIS_URL", "BOOSTRESS_SECRET_KEY", "BOOSTRESS_ADMIN_PASSWORD",
		"BOOSTRESS_SANDBOX_TOKEN", "BOOSTRESS_API_KEY",
	}
}

// readSecretFiles sets each secret whose …_FILE is given to that file's content, its final newline left out. It
// names all that is wrong at once.
func readSecretFiles(
	lookup func(string) (string, bool), read func(string) ([]byte, error), set func(string, string) error,
) error {
	var faults []error
	for _, name := range secretNames() {
		path, given := lookup(name + "_FILE")
		if !given || path == "" {
			continue
		}
		if value, also := lookup(name); also && value != "" {
			faults = append(faults, fmt.Errorf("%s %w", name, errBothGiven))
			continue
		}
		content, err := read(path)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s_FILE: %w", name, err))
			continue
		}
		if err := set(name, strings.TrimRight(string(content), "\r\n")); err != nil {
			faults = append(faults, fmt.Errorf("set %s: %w", name, err))
		}
	}
	return errors.Join(faults...)
}

// keepSecret writes a secret to a file that only its owner can read.
func keepSecret(path, secret string) error {
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep secret: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("keep secret: %w", err)
	}
	return nil
}

// keptSecret reads a secret that keepSecret wrote; "" where there is none.
func keptSecret(path string) (string, error) {
	content, err := os.ReadFile(path) //nolint:gosec // a path in the data directory
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read kept secret: %w", err)
	}
	return strings.TrimSpace(string(content)), nil
}
