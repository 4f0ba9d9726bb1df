package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/boostress/boostress/store"
)

type doctorCommand struct {
	stores

	Addr         string        `env:"BOOSTRESS_ADDR" default:":8080" help:"Where this machine's server listens, for --ready (${default})."`
	Term         time.Duration `env:"BOOSTRESS_TERM" default:"10s" help:"How long a silent worker keeps its claims, as the servers are told (${default})."` //nolint:lll // a tag
	Ready        bool          `help:"Only ask the server at --addr whether it is ready."`
	Invariants   bool          `help:"Check the nine invariants of docs/architecture.md on the database, read-only."`
	SandboxURL   string        `name:"sandbox-url" env:"BOOSTRESS_SANDBOX_URL" help:"With --invariants: compare with the ledger of the simulated providers at this address." placeholder:"URL"` //nolint:lll // a tag
	SandboxToken string        `name:"sandbox-token" env:"BOOSTRESS_SANDBOX_TOKEN" help:"Opens that ledger." placeholder:"TOKEN"`
}

var (
	errUnhealthy  = errors.New("something is wrong")
	errNotServing = errors.New("the server is not ready")
)

const (
	doctorTimeout = 10 * time.Second
	oldestRedis   = "7.0"
)

func (c *doctorCommand) Run(ctx context.Context) error {
	if c.Ready {
		return c.ready(ctx)
	}
	if err := faultsError(c.faults()); err != nil {
		return err
	}
	healthy := c.stand(ctx)
	if c.Invariants {
		healthy = c.invariants(ctx) && healthy
	}
	if !healthy {
		return errUnhealthy
	}
	return nil
}

// ready asks the server on this machine, for a container's health check.
func (c *doctorCommand) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("read --addr: %w", err)
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	url := "http://" + net.JoinHostPort(host, port) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: HTTP %d", errNotServing, response.StatusCode)
	}
	return nil
}

// say prints one finding.
func say(good bool, subject, detail string) bool {
	mark := "ok  "
	if !good {
		mark = "BAD "
	}
	fmt.Println(mark, subject+":", detail)
	return good
}

// stand looks at the stores.
func (c *doctorCommand) stand(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	good := c.standPostgres(ctx)
	address, err := redis.ParseURL(c.RedisURL)
	if err != nil {
		return say(false, "Redis", "REDIS_URL can't be read")
	}
	client := redis.NewClient(address)
	info, err := client.InfoMap(ctx, "server").Result()
	if err = errors.Join(err, client.Close()); err != nil {
		return say(false, "Redis", err.Error()+" (orders are accepted without it, and processed more slowly)")
	}
	version := info["Server"]["redis_version"]
	return say(version >= oldestRedis, "Redis", version+" (7.0 or newer is needed)") && good
}

func (c *doctorCommand) standPostgres(ctx context.Context) bool {
	list, err := store.Migrations(ctx, c.DatabaseURL)
	if err != nil {
		return say(false, "Postgres", err.Error())
	}
	pending := 0
	for _, migration := range list {
		if !migration.Applied {
			pending++
		}
	}
	return say(pending == 0, "Postgres", fmt.Sprintf("%d migrations, %d pending (`boostress migrate up` applies them)", len(list), pending))
}
