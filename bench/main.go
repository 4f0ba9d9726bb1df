// Command bench measures the shipped binary beside this machine's own floors and prints one table. Everything runs on
// this machine, on private stores with durable commits: figures hold only side by side, in one run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type options struct {
	Binary   string `default:"bin/boostress" type:"existingfile" help:"The program to measure (${default})."`
	Batches  int    `default:"300" help:"How many createOrders of 100 orders each (${default})."`
	Singles  int    `default:"10000" help:"How many createOrder one by one (${default})."`
	Clients  int    `default:"64" help:"Connections of the one-by-one run (${default})."`
	Rate     int    `default:"200" help:"Orders a second of the latency run (${default})."`
	Seconds  int    `default:"15" help:"Length of the latency runs in seconds (${default})."`
	Rounds   int    `default:"1" help:"How often to run everything; the median is printed (${default})."`
	Floors   bool   `default:"true" negatable:"" help:"Measure the floors, too: pgbench and redis-benchmark."`
	Peers    int    `default:"10000" help:"How many orders the peers fulfill; 0: no peers (${default})."`
	Firings  int    `default:"20" help:"Length of the run that fires schedules in seconds (${default})."`
	Results  int    `default:"10000000" help:"Of how many task results lists are read; 0: none (${default})."`
	Only     string `default:"" help:"Run only this part: batches, singles, latency, live, peers, schedules or results (all)."`
	Keep     bool   `help:"Keep the logs and say where they are."`
	DataRoot string `default:"" help:"Where the stores' data goes (a temporary folder)."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	kong.Parse(&o, kong.Description("Measure throughput and latency of Boostress beside this machine's own floors."))
	if err := measure(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}
