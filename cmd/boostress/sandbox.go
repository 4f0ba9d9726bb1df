package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/boostress/boostress/providerapi/sandbox"
)

type sandboxCommand struct {
	logging

	Addr    string `env:"BOOSTRESS_SANDBOX_ADDR" default:"127.0.0.1:8081" help:"Address of the simulated providers (${default})."`
	DataDir string `name:"data-dir" env:"BOOSTRESS_DATA_DIR" default:".boostress" help:"Where the providers' own ledger is kept (${default})."`                                                                             //nolint:lll // a tag
	Token   string `name:"token" env:"BOOSTRESS_SANDBOX_TOKEN" required:"" help:"Opens the switches at /_sandbox, and is what each provider's API key is made from (or BOOSTRESS_SANDBOX_TOKEN_FILE)." placeholder:"TOKEN"` //nolint:lll // a tag
}

func (c *sandboxCommand) Run(ctx context.Context) error {
	listener, err := listen("--addr (BOOSTRESS_SANDBOX_ADDR)", c.Addr)
	if err != nil {
		return err
	}
	server, err := sandbox.New(sandbox.Config{
		DataDir: c.DataDir, Providers: sandbox.DefaultProviders([]byte(c.Token)), AdminToken: c.Token, Log: c.logger(),
	})
	if err != nil {
		return errors.Join(fmt.Errorf("open simulated providers: %w", err), listener.Close())
	}
	c.logger().InfoContext(ctx, "simulated providers", "addr", listener.Addr().String())
	return serveSandbox(ctx, server, listener)
}

// The limits of the simulated providers' HTTP server.
const (
	sandboxHeaderTimeout = 10 * time.Second
	sandboxDrain         = 3 * time.Second
)

// serveSandbox runs the simulated providers until ctx ends.
func serveSandbox(ctx context.Context, server *sandbox.Server, listener net.Listener) error {
	httpServer := &http.Server{Handler: server.Handler(), ReadHeaderTimeout: sandboxHeaderTimeout}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(ctx) })
	group.Go(func() error {
		if err := httpServer.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve simulated providers: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), sandboxDrain)
		defer cancel()
		if httpServer.Shutdown(late) != nil {
			return httpServer.Close()
		}
		return nil
	})
	return group.Wait() //nolint:wrapcheck // each part says what it was doing
}
