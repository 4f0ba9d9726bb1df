package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/boostress/boostress/internal/gqlclient"
)

type demoCommand struct {
	URL     string        `env:"BOOSTRESS_URL" default:"http://127.0.0.1:8080/graphql" help:"The API's address (${default})."`
	APIKey  string        `name:"api-key" env:"BOOSTRESS_API_KEY" help:"API key (default: the one that dev keeps in its data directory)." placeholder:"KEY"` //nolint:lll // a tag
	DataDir string        `name:"data-dir" env:"BOOSTRESS_DATA_DIR" default:".boostress" help:"dev's data directory, to find the API key in (${default})."`  //nolint:lll // a tag
	Orders  string        `required:"" type:"existingfile" help:"CSV file with the orders, a row for each line of an order."`
	Prefix  string        `help:"Put before every reference, so that the same file can be placed again (default: the time)."`
	Wait    time.Duration `default:"5m" help:"How long to watch for the orders to end (${default})."`
}

var errDemo = errors.New("not every order ended")

// demoBatch is how many orders go into one createOrders.
const demoBatch = 25

const (
	demoCreate = `mutation($input: CreateOrdersInput!) { createOrders(input: $input) {
  orders { id reference } userErrors { field code message } } }`
	demoRead = `query($ids: [ID!]!) { nodes(ids: $ids) { ... on Order { id status finishedAt attention
  spent { amount currency } fulfillments(first: 20) { nodes { status provider { name } } } } } }`
)

// demoOrder is one order of the demo, and what the API last said of it.
type demoOrder struct {
	ID           string  `json:"id"`
	Reference    string  `json:"reference"`
	Status       string  `json:"status"`
	FinishedAt   *string `json:"finishedAt"`
	Attention    *string `json:"attention"`
	Spent        struct{ Amount, Currency string }
	Fulfillments struct {
		Nodes []struct {
			Status   string
			Provider *struct{ Name string }
		}
	}
}

// ended reports whether nothing more will happen to the order without a person.
func (o *demoOrder) ended() bool { return o.FinishedAt != nil || o.Attention != nil }

func (c *demoCommand) Run(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	drafts, err := readDemoOrders(c.Orders)
	if err != nil {
		return err
	}
	if c.Prefix == "" {
		c.Prefix = time.Now().Format("060102-150405-")
	}
	begun := time.Now()
	orders, refused, err := c.place(ctx, client, drafts)
	if err != nil {
		return err
	}
	placed := time.Since(begun)
	if err := c.watch(ctx, client, orders); err != nil {
		return err
	}
	return report(os.Stdout, orders, refused, placed, time.Since(begun))
}

func (c *demoCommand) client() (*gqlclient.Client, error) {
	if c.APIKey == "" {
		kept, err := keptSecret(filepath.Join(c.DataDir, "api-key"))
		if err != nil {
			return nil, err
		}
		if kept == "" {
			return nil, fmt.Errorf("%w: give --api-key (BOOSTRESS_API_KEY), or run `boostress dev` in this folder first",
				errSetting)
		}
		c.APIKey = kept
	}
	return &gqlclient.Client{URL: c.URL, Key: c.APIKey}, nil
}

func (c *demoCommand) place(
	ctx context.Context, client *gqlclient.Client, drafts []map[string]any,
) (orders []*demoOrder, refused []string, err error) {
	bar := newBar(os.Stderr, "placed", len(drafts))
	for batch := range slices.Chunk(drafts, demoBatch) {
		for _, draft := range batch {
			draft["reference"] = c.Prefix + fmt.Sprint(draft["reference"])
		}
		var result struct {
			CreateOrders struct {
				Orders     []*demoOrder
				UserErrors []struct {
					Field         []string
					Code, Message string
				}
			}
		}
		err := client.Do(ctx, demoCreate, map[string]any{"input": map[string]any{"orders": batch}}, &result)
		if err != nil {
			return nil, nil, fmt.Errorf("place orders: %w", err)
		}
		for _, order := range result.CreateOrders.Orders {
			if order != nil {
				orders = append(orders, order)
			}
		}
		for _, fault := range result.CreateOrders.UserErrors {
			refused = append(refused, strings.Join(fault.Field, ".")+": "+fault.Message)
		}
		bar.add(len(batch))
	}
	bar.end()
	return orders, refused, nil
}

// watch reads the open orders again and again until every one has ended, or the time is up.
func (c *demoCommand) watch(ctx context.Context, client *gqlclient.Client, orders []*demoOrder) error {
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	bar := newBar(os.Stderr, "ended", len(orders))
	defer bar.end()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	open := slices.Clone(orders)
	for len(open) > 0 {
		select {
		case <-ctx.Done():
			return nil // the report says what is still open
		case <-tick.C:
		}
		for batch := range slices.Chunk(open, 100) {
			if err := refresh(ctx, client, batch); err != nil && ctx.Err() == nil {
				return err
			}
		}
		before := len(open)
		open = slices.DeleteFunc(open, func(o *demoOrder) bool { return o.ended() })
		bar.add(before - len(open))
	}
	return nil
}

func refresh(ctx context.Context, client *gqlclient.Client, orders []*demoOrder) error {
	ids := make([]string, len(orders))
	for i, order := range orders {
		ids[i] = order.ID
	}
	var result struct{ Nodes []*demoOrder }
	if err := client.Do(ctx, demoRead, map[string]any{"ids": ids}, &result); err != nil {
		return fmt.Errorf("read orders: %w", err)
	}
	for i, node := range result.Nodes {
		if node != nil && i < len(orders) {
			node.Reference = orders[i].Reference
			*orders[i] = *node
		}
	}
	return nil
}

// report prints how each order ended, and the sums.
func report(out io.Writer, orders []*demoOrder, refused []string, placed, took time.Duration) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REFERENCE\tSTATUS\tSPENT\tPROVIDERS\tATTENTION")
	counts, open := map[string]int{}, 0
	for _, order := range orders {
		counts[order.Status]++
		if !order.ended() {
			open++
		}
		var providers []string
		for _, f := range order.Fulfillments.Nodes {
			if f.Provider != nil && !slices.Contains(providers, f.Provider.Name) {
				providers = append(providers, f.Provider.Name)
			}
		}
		attention := ""
		if order.Attention != nil {
			attention = *order.Attention
		}
		fmt.Fprintf(table, "%s\t%s\t%s %s\t%s\t%s\n", order.Reference, order.Status, order.Spent.Amount,
			order.Spent.Currency, strings.Join(providers, ", "), attention)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	fmt.Fprintf(out, "\n%d orders placed in %s, all watched for %s\n", len(orders),
		placed.Round(time.Millisecond), took.Round(time.Millisecond))
	for _, status := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "%6d  %s\n", counts[status], status)
	}
	for _, reason := range refused {
		fmt.Fprintln(out, "refused:", reason)
	}
	if open > 0 || len(refused) > 0 {
		return fmt.Errorf("%w: %d open, %d refused", errDemo, open, len(refused))
	}
	return nil
}
