package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/devstack"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/providerapi/sandbox"
)

type devCommand struct {
	settings

	Addr        string `env:"BOOSTRESS_ADDR" default:"127.0.0.1:8080" help:"Address of the API (${default})."`
	SandboxAddr string `name:"sandbox-addr" env:"BOOSTRESS_SANDBOX_ADDR" default:"127.0.0.1:8081" help:"Address of the simulated providers (${default})."`                             //nolint:lll // a tag
	DataDir     string `name:"data-dir" env:"BOOSTRESS_DATA_DIR" default:".boostress" help:"Where everything is kept: databases, keys, the simulated providers' ledger (${default})."` //nolint:lll // a tag
}

// The files in dev's data directory.
const (
	fileAdminPassword = "admin-password"
	fileAPIKey        = "api-key"
	fileSecretKey     = "secret-key"
	fileSandboxToken  = "sandbox-token"
)

func (c *devCommand) Run(ctx context.Context) (err error) {
	begun := time.Now()
	listener, err := listen("--addr (BOOSTRESS_ADDR)", c.Addr)
	if err != nil {
		return err
	}
	sandboxListener, err := listen("--sandbox-addr (BOOSTRESS_SANDBOX_ADDR)", c.SandboxAddr)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	stack, err := c.startStores(ctx)
	if err != nil {
		return errors.Join(err, listener.Close(), sandboxListener.Close())
	}
	defer func() { err = errors.Join(err, stack.Close(context.WithoutCancel(ctx))) }()
	token, err := c.ownSecrets(stack.DataDir)
	if err != nil {
		return errors.Join(err, listener.Close(), sandboxListener.Close())
	}
	d := &dev{command: c, stack: stack, token: token, listener: listener, sandboxListener: sandboxListener, begun: begun}
	return d.run(ctx)
}

// startStores starts the private stores that are not given.
func (c *devCommand) startStores(ctx context.Context) (*devstack.Stack, error) {
	stack, err := devstack.Start(ctx, devstack.Options{
		DataDir: c.DataDir, Postgres: c.DatabaseURL == "", Redis: c.RedisURL == "", Log: c.logger(), Out: os.Stdout,
	})
	if err != nil {
		return nil, fmt.Errorf("start stores: %w", err)
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = stack.DatabaseURL
	}
	if c.RedisURL == "" {
		c.RedisURL = stack.RedisURL
	}
	return stack, nil
}

// ownSecrets makes up, at the first start, the secrets that were not given, and returns the simulated providers' token.
func (c *devCommand) ownSecrets(dataDir string) (token string, err error) {
	if err := ensureSecret(filepath.Join(dataDir, fileSecretKey), &c.SecretKey, seal.GenerateKey); err != nil {
		return "", err
	}
	if err := ensureSecret(filepath.Join(dataDir, fileAdminPassword), &c.AdminPassword, randomWord); err != nil {
		return "", err
	}
	if err := ensureSecret(filepath.Join(dataDir, fileSandboxToken), &token, randomWord); err != nil {
		return "", err
	}
	if c.ArchiveDir == "" {
		c.ArchiveDir = filepath.Join(dataDir, "archive")
	}
	// The simulated providers live on this machine.
	c.AllowedNetworks = append(c.AllowedNetworks, "127.0.0.0/8", "::1/128")
	return token, nil
}

// ensureSecret fills in a secret that was not given from its file, made up where there is none.
func ensureSecret(path string, secret *string, generate func() string) error {
	kept, err := keptSecret(path)
	if err != nil {
		return err
	}
	switch {
	case *secret == "" && kept != "":
		*secret = kept
		return nil
	case *secret == "":
		*secret = generate()
	case *secret == kept:
		return nil
	}
	return keepSecret(path, *secret)
}

// randomWord returns 18 random bytes as text.
func randomWord() string {
	var raw [18]byte
	// Read never fails, and fills all of it.
	_, _ = rand.Read(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// dev is everything on one machine.
type dev struct {
	command                   *devCommand
	stack                     *devstack.Stack
	token                     string
	listener, sandboxListener net.Listener
	begun                     time.Time
}

func (d *dev) run(ctx context.Context) error {
	a, err := open(ctx, &d.command.settings)
	if err != nil {
		return errors.Join(err, d.listener.Close(), d.sandboxListener.Close())
	}
	providers := sandbox.DefaultProviders([]byte(d.token))
	server, err := sandbox.New(sandbox.Config{
		DataDir: d.stack.DataDir, Providers: providers, AdminToken: d.token, Log: a.log,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("open simulated providers: %w", err), a.close())
	}
	key, err := d.prepare(ctx, a, server, providers)
	if err != nil {
		return errors.Join(err, a.close())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveSandbox(ctx, server, d.sandboxListener) })
	group.Go(func() error { return a.serve(ctx, []string{roleAPI, roleWorker, roleScheduler}, d.listener) })
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-d.stack.Done():
			return fmt.Errorf("stores: %w", d.stack.Err())
		}
	})
	d.greet(key)
	return errors.Join(group.Wait(), a.close())
}

// prepare makes the API key and brings the simulated providers into the catalog.
func (d *dev) prepare(
	ctx context.Context, a *app, server *sandbox.Server, providers []sandbox.Provider,
) (key string, err error) {
	path := filepath.Join(d.stack.DataDir, fileAPIKey)
	kept, err := keptSecret(path)
	if err != nil {
		return "", err
	}
	if key, err = a.access.EnsureAPIKey(ctx, access.DefaultAccount, "dev", account.Admin, kept); err != nil {
		return "", fmt.Errorf("make an API key: %w", err)
	}
	if key != kept {
		if err := keepSecret(path, key); err != nil {
			return "", err
		}
	}
	if err := d.mirror(); err != nil {
		return "", err
	}
	seeds := seeder{
		app: a, server: server, base: "http://" + d.sandboxListener.Addr().String(),
		webhooks: "http://" + d.listener.Addr().String() + "/webhooks/",
	}
	return key, seeds.seed(ctx, providers)
}

// mirror copies what a person needs to where they asked for the data, should the stores have had to go elsewhere.
func (d *dev) mirror() error {
	asked := d.command.DataDir
	if same, err := sameFolder(asked, d.stack.DataDir); same || err != nil {
		return err
	}
	if err := os.MkdirAll(asked, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	for _, name := range []string{fileAdminPassword, fileAPIKey} {
		secret, err := keptSecret(filepath.Join(d.stack.DataDir, name))
		if err != nil {
			return err
		}
		if err := keepSecret(filepath.Join(asked, name), secret); err != nil {
			return err
		}
	}
	return nil
}

func sameFolder(one, other string) (bool, error) {
	one, err := filepath.Abs(one)
	if err != nil {
		return false, fmt.Errorf("find data directory: %w", err)
	}
	other, err = filepath.Abs(other)
	if err != nil {
		return false, fmt.Errorf("find data directory: %w", err)
	}
	return one == other, nil
}

// greet prints what a newcomer needs.
func (d *dev) greet(key string) {
	at := "http://" + d.listener.Addr().String()
	fmt.Printf(`
Boostress %s runs (ready after %s). Ctrl-C stops it, and all that belongs to it.

  playground    %s/playground
  GraphQL       %s/graphql  (websocket: graphql-transport-ws at the same address)
  health        %s/healthz  /readyz  /metrics
  simulated     http://%s
  data          %s

  sign in as    %s  with  %s
  API key       %s

Place 500 orders and watch how each ends: bin/boostress demo --orders examples/orders.csv
`, version, time.Since(d.begun).Round(time.Millisecond), at, at, at, d.sandboxListener.Addr(), d.stack.DataDir,
		d.command.AdminUser, d.command.AdminPassword, key)
}
