package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// sumOf is what ledger entries add up to: a provider, and the day of its budget, "" for none.
type sumOf struct {
	provider uuid.UUID
	day      string
}

// CountProviders moves the providers' sums, and those of their days, by the ledger entries of the cases, their counts by the
// cases' loads, and notes why a person should look at some, by their ids. Call it last in a transaction: every group that works for a provider waits
// for its row, until the commit.
func (t *Tx) CountProviders(ctx context.Context, cases []*order.Case, attention map[uuid.UUID]string) error {
	totals := make(map[sumOf]*order.Sums)
	for _, c := range cases {
		for i := range c.Entries {
			if err := count(totals, &c.Entries[i]); err != nil {
				return err
			}
		}
	}
	moved := db.ProviderCountParams{Today: order.DayOf(t.Now)}
	add := func(at sumOf, total *order.Sums, load *order.Load, reason string) {
		moved.Opens, moved.ChosenAts = append(moved.Opens, small(load.Open)), append(moved.ChosenAts, textOfTime(load.ChosenAt))
		moved.Ids, moved.Days = append(moved.Ids, at.provider), append(moved.Days, at.day)
		moved.Reserveds = append(moved.Reserveds, total.Reserved.String())
		moved.Spents = append(moved.Spents, total.Spent.String())
		moved.Overcharges = append(moved.Overcharges, total.Overcharge.String())
		moved.Attentions = append(moved.Attentions, reason)
	}
	for at, total := range totals {
		add(at, total, &order.Load{}, "")
	}
	for _, c := range cases {
		for providerID, load := range c.Loads {
			add(sumOf{provider: providerID}, &order.Sums{}, load, "")
		}
	}
	for providerID, reason := range attention {
		add(sumOf{provider: providerID}, &order.Sums{}, &order.Load{}, reason)
	}
	if len(moved.Ids) == 0 {
		return nil
	}
	return domainError("count providers", t.queries.ProviderCount(ctx, moved))
}

func count(totals map[sumOf]*order.Sums, e *order.LedgerEntry) error {
	at := sumOf{e.ProviderID, textOfDay(e.Day)}
	total := totals[at]
	if total == nil {
		total = &order.Sums{}
		totals[at] = total
	}
	for _, step := range []struct {
		sum   *decimal.Decimal
		delta decimal.Decimal
	}{{&total.Reserved, e.Reserved}, {&total.Spent, e.Spent}, {&total.Overcharge, e.Overcharge}} {
		next, err := order.Sum(*step.sum, step.delta)
		if err != nil {
			return fmt.Errorf("sum ledger entries: %w", err)
		}
		*step.sum = next
	}
	return nil
}
