package fulfillment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// bulkKind is how a kind of mass change is done.
type bulkKind struct {
	mutation string         // that begins it
	roles    []account.Role // who may begin it, as the schema says, and cancel it
	atOnce   int            // so many rows are worked off in the mutation's own transaction
	apply    bulkApply
	check    func(bulkInputs) order.Faults // what is wrong with its arguments; nil: nothing can be
}

// bulkInputs are the arguments of mass changes, besides their targets.
type bulkInputs struct {
	Name   *string `json:"name"`   // of a hold
	Reason string  `json:"reason"` // of a hold
}

func (b bulkInputs) name() string {
	if b.Name == nil {
		return ""
	}
	return *b.Name
}

// bulkApply changes the targets of rows in a transaction and settles each row. What is wrong with one row must not
// touch the others; what it fails with undoes all of them.
type bulkApply func(
	ctx context.Context, s *Service, tx *store.Tx, b *order.BulkOperation, rows []order.BulkRow,
) (Committed, error)

// FewOffers is how many offers are changed at once, so that the answer tells what became of them.
const FewOffers = 1000

func bulkKinds() map[order.BulkKind]bulkKind {
	operators := []account.Role{account.Admin, account.Operator}
	placers := append(slices.Clone(operators), account.Integrator)
	admins := []account.Role{account.Admin}
	return map[order.BulkKind]bulkKind{
		order.BulkCancelOrders: {mutation: "cancelOrders", roles: placers, apply: eachOrder(
			func(_ context.Context, w *work, c *order.Case, _ bulkInputs) error { return cancelOrder(w, c) })},
		order.BulkHoldOrders: {mutation: "holdOrders", roles: placers, apply: eachOrder(
			func(ctx context.Context, w *work, c *order.Case, given bulkInputs) error {
				return holdOrder(ctx, w, c, given.name(), given.Reason)
			}), check: func(given bulkInputs) order.Faults { return order.CheckHold(given.name(), given.Reason) }},
		order.BulkReleaseOrders: {mutation: "releaseOrders", roles: placers, apply: eachOrder(
			func(ctx context.Context, w *work, c *order.Case, given bulkInputs) error {
				return releaseOrder(ctx, w, c, given.Name)
			}), check: func(given bulkInputs) order.Faults { return order.CheckRelease(given.Name) }},
		order.BulkRetryFulfillments: {mutation: "retryFulfillments", roles: operators, apply: eachFulfillment(
			func(w *work, c *order.Case, f *order.Fulfillment) error {
				_, err := w.retry(c, f)
				return err
			})},
		order.BulkRetryTasks:    {mutation: "retryTasks", roles: operators, apply: retryTasks},
		order.BulkEnableOffers:  {mutation: "enableOffers", roles: admins, atOnce: FewOffers, apply: setOffers(true)},
		order.BulkDisableOffers: {mutation: "disableOffers", roles: admins, atOnce: FewOffers, apply: setOffers(false)},
	}
}

// bulkPrincipal is in whose name an operation's rows are worked off.
func bulkPrincipal(b *order.BulkOperation) account.Principal {
	return account.Principal{AccountID: b.AccountID, Actor: b.CreatedBy, Role: account.Role(b.Role), TestMode: b.TestMode}
}

// eachOrder changes orders as the use case of one order does.
func eachOrder(change func(context.Context, *work, *order.Case, bulkInputs) error) bulkApply {
	return func(
		ctx context.Context, s *Service, tx *store.Tx, b *order.BulkOperation, rows []order.BulkRow,
	) (Committed, error) {
		var given bulkInputs
		if err := json.Unmarshal(b.Arguments, &given); err != nil {
			return Committed{}, fmt.Errorf("read arguments: %w", err)
		}
		owners := make(map[uuid.UUID]uuid.UUID, len(rows))
		for _, row := range rows {
			owners[row.TargetID] = row.TargetID
		}
		return s.eachCase(ctx, tx, b, rows, owners, func(w *work, c *order.Case, _ uuid.UUID) error {
			return change(ctx, w, c, given)
		})
	}
}

// eachFulfillment changes fulfillments as the use case of one fulfillment does.
func eachFulfillment(change func(*work, *order.Case, *order.Fulfillment) error) bulkApply {
	return func(
		ctx context.Context, s *Service, tx *store.Tx, b *order.BulkOperation, rows []order.BulkRow,
	) (Committed, error) {
		owners, err := tx.OrdersOf(ctx, b.AccountID, targetsOf(rows))
		if err != nil {
			return Committed{}, err
		}
		return s.eachCase(ctx, tx, b, rows, owners, func(w *work, c *order.Case, target uuid.UUID) error {
			if f := c.Find(target); f != nil {
				return change(w, c, f)
			}
			return order.ErrNotFound
		})
	}
}

var errHalf = errors.New("a change was refused half made")

// eachCase changes the order that each row's target belongs to, all under their locks at once. What is refused leaves
// its order as it is.
func (s *Service) eachCase(
	ctx context.Context, tx *store.Tx, b *order.BulkOperation, rows []order.BulkRow, owners map[uuid.UUID]uuid.UUID,
	change func(*work, *order.Case, uuid.UUID) error,
) (Committed, error) {
	who := bulkPrincipal(b)
	w, err := s.open(ctx, tx, slices.Collect(maps.Values(owners)), b.CreatedBy)
	if err != nil {
		return Committed{}, err
	}
	for i := range rows {
		target := rows[i].TargetID
		c := w.cases[owners[target]]
		before, events, err := *w, 0, mayChange(who, c)
		if err == nil {
			events = len(c.Events)
			err = change(w, c, target)
		}
		faults, known := order.FaultsOf(err, "id")
		switch {
		case !known:
			return Committed{}, fmt.Errorf("target %s: %w", target, err)
		case len(faults) == 0:
			rows[i].Settle(nil)
			continue
		case c != nil && len(c.Events) > events && len(rows) > 1:
			return Committed{}, fmt.Errorf("target %s: %w: %w", target, errHalf, faults) // alone, it is dropped
		case c != nil && len(c.Events) > events:
			delete(w.cases, owners[target])
		}
		*w = before
		rows[i].Settle(&faults[0])
	}
	return w.save(ctx)
}

func targetsOf(rows []order.BulkRow) []uuid.UUID {
	ids := make([]uuid.UUID, len(rows))
	for i := range rows {
		ids[i] = rows[i].TargetID
	}
	return ids
}

func goneFault() *order.Fault {
	return &order.Fault{Code: order.CodeNotFound, Message: "is gone"}
}

// setOffers enables or disables offers.
func setOffers(enabled bool) bulkApply {
	return func(
		ctx context.Context, _ *Service, tx *store.Tx, b *order.BulkOperation, rows []order.BulkRow,
	) (Committed, error) {
		changed, err := tx.SetOffersEnabled(ctx, b.AccountID, targetsOf(rows), enabled)
		if err != nil {
			return Committed{}, err
		}
		have := make(map[uuid.UUID]bool, len(changed))
		for _, o := range changed {
			have[o.ID] = true
		}
		for i := range rows {
			if !have[rows[i].TargetID] {
				rows[i].Settle(goneFault())
				continue
			}
			rows[i].Settle(nil)
			err := tx.Audit(ctx, account.AuditEntry{
				AccountID: b.AccountID, Actor: b.CreatedBy, Action: account.ActionOfferUpdate, TargetID: &rows[i].TargetID,
			})
			if err != nil {
				return Committed{}, err
			}
		}
		return Committed{}, tx.CatalogChanged(ctx, b.AccountID)
	}
}
