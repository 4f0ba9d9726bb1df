// Command boostress is the whole of Boostress in one binary: API, worker, scheduler, and what develops, checks and
// tries them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "dev"

type commands struct {
	Dev     devCommand     `cmd:"" help:"Run everything on this machine, with a private Postgres and Redis."`
	Serve   serveCommand   `cmd:"" help:"Run one or more roles: api, worker, scheduler."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema up to date, or show where it stands."`
	Sandbox sandboxCommand `cmd:"" help:"Run the simulated providers alone."`
	Demo    demoCommand    `cmd:"" help:"Place orders from a CSV file through the API and watch how each ends."`
	Doctor  doctorCommand  `cmd:"" help:"Check the configuration, the stores and the invariants."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	paceCollector()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "boostress:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// garbagePercent lets the heap grow to five times of what is live before it is collected. Little is live here, some
// megabytes, and much is short-lived: at Go's usual pace the collector took a fifth of a worker's processor time.
const garbagePercent = 400

func paceCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

func run(ctx context.Context, args []string) error {
	if err := readSecretFiles(os.LookupEnv, os.ReadFile, os.Setenv); err != nil {
		return err
	}
	var all commands
	parser, err := kong.New(&all,
		kong.Name("boostress"),
		kong.Description("Fulfills, processes and monitors orders through many providers behind one interface."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return fmt.Errorf("build command line: %w", err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		parser.FatalIfErrorf(err)
	}
	err = command.Run()
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		return err //nolint:wrapcheck // each command says what it was doing
	}
	return nil // it was told to stop
}

type versionCommand struct{}

func (versionCommand) Run() error { //nolint:unparam // kong's signature
	fmt.Println("boostress " + version)
	return nil
}
