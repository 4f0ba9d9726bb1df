package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
	"github.com/boostress/boostress/store"
)

var errLedger = errors.New("ledger not readable")

const (
	invariantsTimeout = 30 * time.Minute
	ledgerPage        = 10_000
)

// invariants checks the database and, where told, compares it with the simulated providers' ledger.
func (c *doctorCommand) invariants(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, invariantsTimeout)
	defer cancel()
	db, err := store.Open(ctx, c.DatabaseURL, store.Options{Statement: invariantsTimeout})
	if err != nil {
		return say(false, "invariants", err.Error())
	}
	defer db.Close()
	violations, err := db.Invariants(ctx, c.Term)
	if err != nil {
		return say(false, "invariants", err.Error())
	}
	compared := "the database alone"
	if c.SandboxURL != "" {
		lines, err := c.ledger(ctx)
		if err != nil {
			return say(false, "invariants", err.Error())
		}
		more, err := db.CheckLedger(ctx, lines)
		if err != nil {
			return say(false, "invariants", err.Error())
		}
		violations = append(violations, more...)
		compared = fmt.Sprintf("the database and %d orders in the providers' ledger", len(lines))
	}
	for _, violation := range violations {
		say(false, "invariants", violation.String())
	}
	if len(violations) > 0 {
		return false
	}
	return say(true, "invariants", "all hold, by "+compared)
}

// ledger reads the simulated providers' own ledger, page by page.
func (c *doctorCommand) ledger(ctx context.Context) ([]store.LedgerLine, error) {
	var all []store.LedgerLine
	after := 0
	for {
		page, err := c.ledgerPage(ctx, after)
		if err != nil {
			return nil, err
		}
		for _, line := range page {
			dead := slices.Contains([]string{protocol.StatusRejected, protocol.StatusFailed, protocol.StatusCanceled}, line.Status)
			all = append(all, store.LedgerLine{Provider: line.Slug, Key: line.Key, ExternalID: line.ID, Live: !dead})
			after = line.Seq
		}
		if len(page) < ledgerPage {
			return all, nil
		}
	}
}

func (c *doctorCommand) ledgerPage(ctx context.Context, after int) (lines []sandbox.Line, err error) {
	url := fmt.Sprintf("%s/_sandbox/ledger?after=%d&limit=%d", strings.TrimSuffix(c.SandboxURL, "/"), after, ledgerPage)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.SandboxToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: HTTP %d", errLedger, response.StatusCode)
	}
	decoder := json.NewDecoder(response.Body)
	for {
		var line sandbox.Line
		if err := decoder.Decode(&line); errors.Is(err, io.EOF) {
			return lines, nil
		} else if err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		lines = append(lines, line)
	}
}
