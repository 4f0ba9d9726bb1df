package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/server"
)

// part is something that a process needs.
type part struct {
	away atomic.Bool
	ran  atomic.Int64
}

func (p *part) check(context.Context) error {
	p.ran.Add(1)
	if p.away.Load() {
		return errAway
	}
	return nil
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var postgres, redis part
	var now atomic.Int64
	s := serve(t, func(o *server.Options) {
		o.Clock = func() time.Time { return epoch.Add(time.Duration(now.Add(int64(time.Minute)))) }
		o.Checks = []server.Check{
			{Name: "postgres", Required: true, Run: postgres.check}, {Name: "redis", Run: redis.check},
		}
	})
	for _, test := range []struct {
		postgres, redis bool // away
		status          int
		want            string
	}{
		{false, false, 200, `{"status":"ready","checks":{"postgres":"ok","redis":"ok"}}`},
		{false, true, 200, `{"status":"ready","checks":{"postgres":"ok","redis":"failing"}}`},
		{true, false, 503, `{"status":"unready","checks":{"postgres":"failing","redis":"ok"}}`},
		{true, true, 503, `{"status":"unready","checks":{"postgres":"failing","redis":"failing"}}`},
		{false, false, 200, `{"status":"ready","checks":{"postgres":"ok","redis":"ok"}}`},
	} {
		postgres.away.Store(test.postgres)
		redis.away.Store(test.redis)
		got := s.ask(t, http.MethodGet, "/readyz", "")
		if diff := cmp.Diff(test.want+"\n", got.text); diff != "" || got.status != test.status {
			t.Errorf("%d (-want +got)\n%s", got.status, diff)
		}
	}
	if log := s.log.String(); !strings.Contains(log, errAway.Error()) {
		t.Errorf("the cause is not in the log: %s", log)
	}
	if got := s.ask(t, http.MethodGet, "/healthz", ""); got.status != http.StatusOK || got.text != `{"status":"alive"}`+"\n" {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestChecksAreNotForFlooding(t *testing.T) {
	t.Parallel()
	var postgres part
	s := serve(t, func(o *server.Options) {
		o.Clock = func() time.Time { return epoch }
		o.Checks = []server.Check{{Name: "postgres", Required: true, Run: postgres.check}}
	})
	for range 10 {
		s.ask(t, http.MethodGet, "/readyz", "")
	}
	if ran := postgres.ran.Load(); ran != 1 {
		t.Errorf("ran %d times", ran)
	}
}

func TestHangingCheck(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *server.Options) {
		o.Checks = []server.Check{{Name: "postgres", Required: true, Run: func(ctx context.Context) error {
			deadline, bounded := ctx.Deadline()
			if !bounded || time.Until(deadline) > 3*time.Second {
				return nil
			}
			return errors.New("bounded, as it should be")
		}}}
	})
	if got := s.ask(t, http.MethodGet, "/readyz", ""); got.status != http.StatusServiceUnavailable || !json.Valid([]byte(got.text)) {
		t.Errorf("got %d %s: the check has no deadline", got.status, got.text)
	}
}
