package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

type serveCommand struct {
	settings

	Addr  string   `env:"BOOSTRESS_ADDR" default:":8080" help:"Address of the API, and of every role's /healthz, /readyz and /metrics (${default})."`              //nolint:lll // a tag
	Roles []string `env:"BOOSTRESS_ROLES" default:"api,worker,scheduler" help:"What this process does, separated by commas: api, worker, scheduler (${default})."` //nolint:lll // a tag
}

// The roles of a process.
const (
	roleAPI       = "api"
	roleWorker    = "worker"
	roleScheduler = "scheduler"
)

func (c *serveCommand) Run(ctx context.Context) error {
	if err := errors.Join(c.checkRoles(), c.check()); err != nil {
		return err
	}
	listener, err := listen("--addr (BOOSTRESS_ADDR)", c.Addr)
	if err != nil {
		return err
	}
	a, err := open(ctx, &c.settings)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	a.log.InfoContext(ctx, "serving", "roles", strings.Join(c.Roles, ","), "addr", listener.Addr().String(), "version", version)
	return errors.Join(a.serve(ctx, c.Roles, listener), a.close())
}

func (c *serveCommand) checkRoles() error {
	var faults []string
	for i := range c.Roles {
		c.Roles[i] = strings.TrimSpace(c.Roles[i])
		if !slices.Contains([]string{roleAPI, roleWorker, roleScheduler}, c.Roles[i]) {
			faults = append(faults, fmt.Sprintf("--roles (BOOSTRESS_ROLES): %q is none of api, worker, scheduler", c.Roles[i]))
		}
	}
	if len(c.Roles) == 0 {
		faults = append(faults, "--roles (BOOSTRESS_ROLES) is empty: give at least one of api, worker, scheduler")
	}
	return faultsError(faults)
}

// serve runs the roles until ctx ends, and then drains: sockets are closed with a code, running work is finished or
// given back. What the roles leave to be announced goes out last.
func (a *app) serve(ctx context.Context, roles []string, listener net.Listener) error {
	support, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	background, support := errgroup.WithContext(support)
	background.Go(func() error { return a.announcer.Run(support) })
	background.Go(func() error { return a.bell.Run(support) })
	background.Go(func() error { return a.results.Run(support) })
	background.Go(func() error { return a.hints.Run(support) })
	background.Go(func() error { return a.access.Run(support) })

	group, ctx := errgroup.WithContext(ctx)
	if slices.Contains(roles, roleAPI) {
		if err := a.serveAPI(ctx, group, listener); err != nil {
			return errors.Join(err, listener.Close())
		}
	} else {
		a.serveProbes(ctx, group, listener)
	}
	if slices.Contains(roles, roleWorker) {
		a.serveWorker(ctx, group)
	}
	if slices.Contains(roles, roleScheduler) {
		a.serveScheduler(ctx, group)
	}
	err := group.Wait()
	stop()
	return errors.Join(err, background.Wait())
}
