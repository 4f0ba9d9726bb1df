//go:build !failpoints

package failpoint

import (
	"context"
	"time"
)

// Enabled reports whether failpoints are compiled in.
const Enabled = false

// Hit does nothing.
func Hit(Point) {}

// Sent does nothing.
func Sent(ctx context.Context, _ Point) context.Context { return ctx }

// Broken reports that no rule is broken.
func Broken(Rule) bool { return false }

// Linger does nothing.
func Linger() {}

// Now is the time, by this process's clock.
func Now() time.Time { return time.Now() }
