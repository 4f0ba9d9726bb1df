package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// Cases locks orders, in id order, and opens them for change together with their fulfillments. Orders that don't
// exist are missing from the answer.
func (t *Tx) Cases(ctx context.Context, orderIDs []uuid.UUID, actor string) (map[uuid.UUID]*order.Case, error) {
	list, err := t.queries.OrderLock(ctx, orderIDs)
	if err != nil {
		return nil, fmt.Errorf("lock orders: %w", err)
	}
	orders, err := ordersOf(list)
	if err != nil {
		return nil, err
	}
	cases := make(map[uuid.UUID]*order.Case, len(orders))
	for _, o := range orders {
		cases[o.ID] = &order.Case{Order: o, Now: t.Now, Actor: actor}
	}
	fulfillments, err := t.queries.FulfillmentOfOrders(ctx, orderIDs)
	if err != nil {
		return nil, fmt.Errorf("read fulfillments: %w", err)
	}
	for _, row := range fulfillments {
		if opened := cases[row.OrderID]; opened != nil {
			opened.Fulfillments = append(opened.Fulfillments, fulfillmentOf(row))
		}
	}
	return cases, nil
}

// SaveCases writes all that the cases collected, orders, fulfillments, ledger entries and events, but for the providers'
// sums: see CountProviders.
func (t *Tx) SaveCases(ctx context.Context, cases []*order.Case) error {
	var (
		orders, settings          []*order.Order
		changed, fresh, replanned []*order.Fulfillment
		entries                   []order.LedgerEntry
		events                    []order.Event
		holds                     []*order.Hold
	)
	for _, c := range cases {
		for _, f := range c.Fulfillments {
			if c.Changed[f.ID] {
				changed = append(changed, f)
			}
			if c.Replanned[f.ID] {
				replanned = append(replanned, f)
			}
		}
		if len(c.Events) > 0 {
			orders = append(orders, c.Order)
		}
		if c.Settings {
			settings = append(settings, c.Order)
		}
		fresh, entries, events = append(fresh, c.New...), append(entries, c.Entries...), append(events, c.Events...)
		holds = append(holds, c.ChangedHolds...)
	}
	for _, write := range []func() error{
		func() error { return t.updateOrders(ctx, orders) },
		func() error { return t.insertFulfillments(ctx, fresh) },
		func() error { return t.updateFulfillments(ctx, changed) },
		func() error { return t.updateSettings(ctx, settings) },
		func() error { return t.replanFulfillments(ctx, replanned) },
		func() error { return t.saveHolds(ctx, holds) },
		func() error { return t.insertEntries(ctx, entries) },
		func() error { return t.insertEvents(ctx, events) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) updateOrders(ctx context.Context, orders []*order.Order) error {
	if len(orders) == 0 {
		return nil
	}
	count, err := t.queries.OrderUpdate(ctx, db.OrderUpdateParams{
		Now:          t.Now,
		Ids:          column(orders, func(o *order.Order) uuid.UUID { return o.ID }),
		Statuses:     column(orders, func(o *order.Order) string { return string(o.Status) }),
		Reserveds:    column(orders, func(o *order.Order) string { return o.Reserved.String() }),
		Spents:       column(orders, func(o *order.Order) string { return o.Spent.String() }),
		Overcharges:  column(orders, func(o *order.Order) string { return o.Overcharge.String() }),
		Delivereds:   column(orders, func(o *order.Order) int32 { return small(o.Delivered) }),
		Attentions:   column(orders, func(o *order.Order) string { return o.Attention }),
		CancelAskeds: column(orders, func(o *order.Order) bool { return o.CancelAsked }),
		ExpiredFlags: column(orders, func(o *order.Order) bool { return o.Expired }),
		Sequences:    column(orders, func(o *order.Order) int32 { return small(o.Sequence) }),
		Finisheds:    column(orders, func(o *order.Order) bool { return o.FinishedAt != nil }),
	})
	return wroteAll("update orders", count, len(orders), err)
}

func (t *Tx) updateSettings(ctx context.Context, orders []*order.Order) error {
	if len(orders) == 0 {
		return nil
	}
	count, err := t.queries.OrderSettings(ctx, db.OrderSettingsParams{
		Ids:              column(orders, func(o *order.Order) uuid.UUID { return o.ID }),
		Budgets:          column(orders, func(o *order.Order) string { return textOfDecimal(o.Budget) }),
		Deadlines:        column(orders, func(o *order.Order) string { return textOfTime(o.Deadline) }),
		Priorities:       column(orders, func(o *order.Order) int16 { return int16(o.Priority) }), //nolint:gosec // 0 to 9
		Metadatas:        column(orders, func(o *order.Order) string { return textOfJSON(o.Metadata) }),
		Helds:            column(orders, func(o *order.Order) bool { return o.Held }),
		DeadlineActions:  column(orders, func(o *order.Order) string { return string(o.DeadlineAction) }),
		RoutingPolicyIds: column(orders, func(o *order.Order) string { return textOfID(o.RoutingPolicyID) }),
		Pacings:          column(orders, func(o *order.Order) string { return textOfJSON(o.Pacing) }),
	})
	return wroteAll("update settings of orders", count, len(orders), err)
}

func (t *Tx) replanFulfillments(ctx context.Context, list []*order.Fulfillment) error {
	if len(list) == 0 {
		return nil
	}
	type fulfillment = *order.Fulfillment
	count, err := t.queries.FulfillmentReplan(ctx, db.FulfillmentReplanParams{
		Ids:           column(list, func(f fulfillment) uuid.UUID { return f.ID }),
		Quantities:    column(list, func(f fulfillment) int32 { return small(f.Quantity) }),
		ExcludedIds:   column(list, func(f fulfillment) string { return textOfIDs(f.Excluded) }),
		ScheduledAts:  column(list, func(f fulfillment) string { return textOfTime(f.ScheduledAt) }),
		RerouteAskeds: column(list, func(f fulfillment) bool { return f.RerouteAsked }),
		RerouteSames:  column(list, func(f fulfillment) bool { return f.RerouteSame }),
	})
	return wroteAll("replan fulfillments", count, len(list), err)
}

func (t *Tx) updateFulfillments(ctx context.Context, list []*order.Fulfillment) error {
	if len(list) == 0 {
		return nil
	}
	type fulfillment = *order.Fulfillment
	count, err := t.queries.FulfillmentUpdate(ctx, db.FulfillmentUpdateParams{
		Now:              t.Now,
		Ids:              column(list, func(f fulfillment) uuid.UUID { return f.ID }),
		ProviderIds:      column(list, func(f fulfillment) string { return textOfID(f.ProviderID) }),
		OfferIds:         column(list, func(f fulfillment) string { return textOfID(f.OfferID) }),
		Delivereds:       column(list, func(f fulfillment) int32 { return small(f.Delivered) }),
		Statuses:         column(list, func(f fulfillment) string { return string(f.Status) }),
		Generations:      column(list, func(f fulfillment) int32 { return small(f.Generation) }),
		UnitPrices:       column(list, func(f fulfillment) string { return f.UnitPrice.String() }),
		Currencies:       column(list, func(f fulfillment) string { return string(f.Currency) }),
		Reserveds:        column(list, func(f fulfillment) string { return f.Reserved.String() }),
		Chargeds:         column(list, func(f fulfillment) string { return f.Charged.String() }),
		Overcharges:      column(list, func(f fulfillment) string { return f.Overcharge.String() }),
		ExternalIds:      column(list, func(f fulfillment) string { return f.ExternalID }),
		ExternalStatuses: column(list, func(f fulfillment) string { return f.ExternalStatus }),
		Failures:         column(list, func(f fulfillment) string { return f.Failure }),
		Attentions:       column(list, func(f fulfillment) string { return f.Attention }),
		CancelAskeds:     column(list, func(f fulfillment) bool { return f.CancelAsked }),
		SubmittedAts:     column(list, func(f fulfillment) string { return textOfTime(f.SubmittedAt) }),
		ChangedAts:       column(list, func(f fulfillment) string { return textOfTime(f.ChangedAt) }),
		NextPollAts:      column(list, func(f fulfillment) string { return textOfTime(f.NextPollAt) }),
		FinishedAts:      column(list, func(f fulfillment) string { return textOfTime(f.FinishedAt) }),
		SlaAts:           column(list, func(f fulfillment) string { return textOfTime(f.SLAAt) }),
		SlaMss:           column(list, func(f fulfillment) int64 { return f.SLA.Milliseconds() }),
		BudgetDays:       column(list, func(f fulfillment) string { return textOfDay(f.BudgetDay) }),
	})
	return wroteAll("update fulfillments", count, len(list), err)
}

func (t *Tx) insertFulfillments(ctx context.Context, list []*order.Fulfillment) error {
	if len(list) == 0 {
		return nil
	}
	type fulfillment = *order.Fulfillment
	err := t.queries.FulfillmentInsert(ctx, db.FulfillmentInsertParams{
		Ids:          column(list, func(f fulfillment) uuid.UUID { return f.ID }),
		AccountIds:   column(list, func(f fulfillment) uuid.UUID { return f.AccountID }),
		OrderIds:     column(list, func(f fulfillment) uuid.UUID { return f.OrderID }),
		LineIds:      column(list, func(f fulfillment) uuid.UUID { return f.LineID }),
		ReplacesIds:  column(list, func(f fulfillment) string { return textOfID(f.ReplacesID) }),
		ExcludedIds:  column(list, func(f fulfillment) string { return textOfIDs(f.Excluded) }),
		Quantities:   column(list, func(f fulfillment) int32 { return small(f.Quantity) }),
		Statuses:     column(list, func(f fulfillment) string { return string(f.Status) }),
		Generations:  column(list, func(f fulfillment) int32 { return small(f.Generation) }),
		Currencies:   column(list, func(f fulfillment) string { return string(f.Currency) }),
		ScheduledAts: column(list, func(f fulfillment) string { return textOfTime(f.ScheduledAt) }),
		Now:          t.Now,
	})
	return domainError("insert fulfillments", err)
}

func (t *Tx) insertEntries(ctx context.Context, list []order.LedgerEntry) error {
	if len(list) == 0 {
		return nil
	}
	type entry = order.LedgerEntry
	err := t.queries.LedgerInsert(ctx, db.LedgerInsertParams{
		Ids:            column(list, func(e entry) uuid.UUID { return e.ID }),
		AccountIds:     column(list, func(e entry) uuid.UUID { return e.AccountID }),
		OrderIds:       column(list, func(e entry) uuid.UUID { return e.OrderID }),
		FulfillmentIds: column(list, func(e entry) uuid.UUID { return e.FulfillmentID }),
		ProviderIds:    column(list, func(e entry) uuid.UUID { return e.ProviderID }),
		Kinds:          column(list, func(e entry) string { return string(e.Kind) }),
		Currencies:     column(list, func(e entry) string { return string(e.Currency) }),
		Reserveds:      column(list, func(e entry) string { return e.Reserved.String() }),
		Spents:         column(list, func(e entry) string { return e.Spent.String() }),
		Overcharges:    column(list, func(e entry) string { return e.Overcharge.String() }),
		Days:           column(list, func(e entry) string { return textOfDay(e.Day) }),
		Now:            t.Now,
	})
	return domainError("insert ledger entries", err)
}

func (t *Tx) insertEvents(ctx context.Context, list []order.Event) error {
	if len(list) == 0 {
		return nil
	}
	type event = order.Event
	changes, snapshots := make([]string, len(list)), make([]string, len(list))
	for i := range list {
		change, err := json.Marshal(list[i].Changes)
		if err != nil {
			return fmt.Errorf("write changes: %w", err)
		}
		snapshot, err := json.Marshal(list[i].Snapshot)
		if err != nil {
			return fmt.Errorf("write snapshot: %w", err)
		}
		changes[i], snapshots[i] = string(change), string(snapshot)
	}
	err := t.queries.EventInsert(ctx, db.EventInsertParams{
		AccountIds:     column(list, func(e event) uuid.UUID { return e.AccountID }),
		OrderIds:       column(list, func(e event) uuid.UUID { return e.OrderID }),
		FulfillmentIds: column(list, func(e event) string { return textOfID(e.FulfillmentID) }),
		Sequences:      column(list, func(e event) int32 { return small(e.Sequence) }),
		Kinds:          column(list, func(e event) string { return string(e.Kind) }),
		Actors:         column(list, func(e event) string { return e.Actor }),
		Now:            t.Now, Changes: changes, Snapshots: snapshots,
	})
	return domainError("insert events", err)
}

// wroteAll checks that a set-based update met every row it named.
func wroteAll(operation string, wrote int64, want int, err error) error {
	if err != nil {
		return domainError(operation, err)
	}
	if wrote != int64(want) {
		return fmt.Errorf("%s: %w: wrote %d of %d rows", operation, order.ErrNotFound, wrote, want)
	}
	return nil
}
