package testkit

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Redis returns the address of the Redis that tests share, and a prefix for the keys of t's own. What is under the
// prefix is removed after t; a test must not flush the server.
func Redis(t testing.TB) (url, prefix string) {
	t.Helper()
	url = redisURL(t)
	prefix = "t:" + rand.Text()[:12] + ":"
	t.Cleanup(func() {
		ctx, cancel := lateContext(t)
		defer cancel()
		if err := removeKeys(ctx, url, prefix); err != nil {
			t.Errorf("remove test's keys: %v", err)
		}
	})
	return url, prefix
}

func removeKeys(ctx context.Context, url, prefix string) error {
	options, err := redis.ParseURL(url)
	if err != nil {
		return fmt.Errorf("parse address: %w", err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }() // nothing is in flight
	keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
			return fmt.Errorf("unlink: %w", err)
		}
	}
	if err := keys.Err(); err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	return nil
}
