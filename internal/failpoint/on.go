//go:build failpoints

package failpoint

import (
	"context"
	"fmt"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Enabled reports whether failpoints are compiled in.
const Enabled = true

// armed is what the environment asks for.
type armed struct {
	point Point
	left  atomic.Int64 // hits until it happens
	stops bool         // the process is stopped, and not killed
}

// environment is read at the first need; it never changes.
//
//nolint:gochecknoglobals // it is the process's
var environment = sync.OnceValue(func() *armed {
	a := &armed{}
	a.left.Store(1)
	parts := strings.Split(os.Getenv("BOOSTRESS_FAILPOINT"), ":")
	a.point = Point(parts[0])
	if len(parts) > 1 {
		nth, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			panic(fmt.Sprintf("BOOSTRESS_FAILPOINT: %v", err))
		}
		a.left.Store(nth)
	}
	a.stops = len(parts) > 2 && parts[2] == "stop"
	return a
})

// Hit ends the process by SIGKILL, or stops it, where the environment asks for that at this point and time.
func Hit(point Point) {
	a := environment()
	if a.point != point || a.left.Add(-1) != 0 {
		return
	}
	signal := syscall.SIGKILL
	if a.stops {
		signal = syscall.SIGSTOP
	}
	if err := syscall.Kill(os.Getpid(), signal); err != nil {
		panic(fmt.Sprintf("failpoint %s: %v", point, err))
	}
	if !a.stops {
		select {} // whatever comes next must not happen
	}
}

// Sent returns a context under which a point is hit when a request has been written whole.
func Sent(ctx context.Context, point Point) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { Hit(point) },
	})
}

// Broken reports whether the environment asks for a rule to be broken.
func Broken(rule Rule) bool { return Rule(os.Getenv("BOOSTRESS_BREAK")) == rule }

// Linger takes a moment: what a broken rule lets others do must have the time to happen.
func Linger() {
	const moment = 50 * time.Millisecond
	<-time.After(moment)
}

type skew struct{ by, after time.Duration }

//nolint:gochecknoglobals // it is the process's
var (
	begun = time.Now()
	skews = sync.OnceValue(func() skew {
		by, after, _ := strings.Cut(os.Getenv("BOOSTRESS_CLOCK_OFFSET"), "@")
		var s skew
		for text, into := range map[string]*time.Duration{by: &s.by, after: &s.after} {
			if text == "" {
				continue
			}
			parsed, err := time.ParseDuration(text)
			if err != nil {
				panic(fmt.Sprintf("BOOSTRESS_CLOCK_OFFSET: %v", err))
			}
			*into = parsed
		}
		return s
	})
)

// Now is the time by this process's clock, which is off by what the environment says.
func Now() time.Time {
	now, off := time.Now(), skews()
	if now.Sub(begun) < off.after {
		return now
	}
	return now.Add(off.by)
}
