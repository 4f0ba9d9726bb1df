package fulfillment

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// creation is one transaction that places the orders of several requests.
type creation struct {
	requests []createRequest
	results  []created
	claims   []claimOf // idempotency keys in use
	placed   []placement
}

// placement is a draft that is to become an order.
type placement struct {
	store.Placement

	slot slot
}

// slot is the place of a draft: which request, which of its drafts.
type slot struct{ request, draft int }

// claimOf is an idempotency key and what it covers: one draft, or (draft −1) a whole request.
type claimOf struct {
	store.Claim
	slot
}

// createTogether places the orders of several requests in one transaction.
func (s *Service) createTogether(ctx context.Context, requests []createRequest) ([]created, error) {
	ctx = request.WithTrace(ctx, "") // it is one request's, and the others have their own
	var work *creation
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		work, err = newCreation(requests)
		if err != nil {
			return err
		}
		committed, err = work.run(ctx, tx)
		failpoint.Hit(failpoint.APIBeforeCommit)
		if failpoint.Broken(failpoint.PushAfterCommit) {
			s.announce(committed)
			failpoint.Linger()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	failpoint.Hit(failpoint.APIAfterCommit)
	if !failpoint.Broken(failpoint.PushAfterCommit) {
		s.announce(committed)
	}
	return work.results, nil
}

func newCreation(requests []createRequest) (*creation, error) {
	w := &creation{requests: requests, results: make([]created, len(requests))}
	for r := range requests {
		asked := &requests[r]
		w.results[r] = newCreated(len(asked.drafts))
		if asked.key != "" {
			if err := w.claim(slot{r, -1}, mutationCreateOrders, asked.key, asked.drafts); err != nil {
				return nil, err
			}
		}
		for d := range asked.drafts {
			if key := asked.drafts[d].IdempotencyKey; key != "" && len(order.CheckKey(key)) == 0 {
				if err := w.claim(slot{r, d}, mutationCreateOrder, key, asked.drafts[d:d+1]); err != nil {
					return nil, err
				}
			}
		}
	}
	return w, nil
}

func (w *creation) claim(at slot, mutation, key string, drafts []order.Draft) error {
	hash, err := draftHash(drafts)
	if err != nil {
		return err
	}
	w.claims = append(w.claims, claimOf{store.Claim{
		AccountID: w.requests[at.request].who.AccountID, Mutation: mutation, Key: key, BodyHash: hash,
	}, at})
	return nil
}

func (w *creation) run(ctx context.Context, tx *store.Tx) (Committed, error) {
	settled, err := w.useKeys(ctx, tx)
	if err != nil {
		return Committed{}, err
	}
	policies, err := w.policies(ctx, tx)
	if err != nil {
		return Committed{}, err
	}
	bounds, err := w.readBounds(ctx, tx)
	if err != nil {
		return Committed{}, err
	}
	for r := range w.requests {
		for d := range w.requests[r].drafts {
			at := slot{r, d}
			if settled[at] || len(w.requests[r].faults[d]) > 0 {
				continue
			}
			draft := &w.requests[r].drafts[d]
			// By the database's clock: what is late already must not slip past the watermark of the deadlines.
			if late := draft.CheckDeadline(tx.Now); len(late) > 0 {
				w.results[r].faults[d] = late
				continue
			}
			if policyID := draft.RoutingPolicyID; policyID != nil && policies[*policyID] != w.requests[r].who.AccountID {
				w.results[r].faults[d] = unknownPolicy()
				continue
			}
			placed, err := place(tx, w.requests[r].who, draft, bounds)
			var refused order.Faults
			switch {
			case errors.As(err, &refused):
				w.results[r].faults[d] = refused
			case err != nil:
				return Committed{}, err
			default:
				w.placed = append(w.placed, placement{placed, at})
			}
		}
	}
	return w.write(ctx, tx)
}

// policies returns the accounts of the routing policies that drafts name, of those that have a published version.
func (w *creation) policies(ctx context.Context, tx *store.Tx) (map[uuid.UUID]uuid.UUID, error) {
	var named []uuid.UUID
	for r := range w.requests {
		for d := range w.requests[r].drafts {
			if policyID := w.requests[r].drafts[d].RoutingPolicyID; policyID != nil {
				named = append(named, *policyID)
			}
		}
	}
	if len(named) == 0 {
		return map[uuid.UUID]uuid.UUID{}, nil
	}
	return tx.PublishedPolicies(ctx, named)
}

func unknownPolicy() order.Faults {
	return order.Faults{{
		Field: []string{"routingPolicyId"}, Code: order.CodeNotFound,
		Message: "is no routing policy with a published version: publish it first, or leave it out",
	}}
}

// readBounds reads the quantities that the offers of what paced orders want allow, where there are such orders.
func (w *creation) readBounds(ctx context.Context, tx *store.Tx) (map[store.Want]schedule.Bounds, error) {
	var wants []store.Want
	for r := range w.requests {
		for d := range w.requests[r].drafts {
			draft := &w.requests[r].drafts[d]
			if draft.Pacing == nil || draft.IsDraft || len(w.requests[r].faults[d]) > 0 {
				continue
			}
			for _, line := range draft.Lines {
				wants = append(wants, store.Want{
					AccountID: w.requests[r].who.AccountID, Category: draft.Category, ServiceType: line.ServiceType,
				})
			}
		}
	}
	return tx.QuantityBounds(ctx, wants)
}

// useKeys takes the idempotency keys and settles the drafts that they settle: those of an earlier request, of one
// that still runs, or of one with another input.
func (w *creation) useKeys(ctx context.Context, tx *store.Tx) (map[slot]bool, error) {
	settled := make(map[slot]bool)
	if len(w.claims) == 0 {
		return settled, nil
	}
	claims := make([]store.Claim, len(w.claims))
	for i := range w.claims {
		claims[i] = w.claims[i].Claim
	}
	held, earlier, err := tx.TryKeys(ctx, claims)
	if err != nil {
		return nil, err
	}
	type key struct {
		account       uuid.UUID
		mutation, key string
	}
	inUse := make(map[key]bool, len(claims))
	kept := w.claims[:0]
	for i, claim := range w.claims {
		name := key{claim.AccountID, claim.Mutation, claim.Key}
		switch {
		case earlier[i] == nil && held[i] && !inUse[name]:
			inUse[name] = true
			kept = append(kept, claim)
		case earlier[i] == nil:
			w.settle(claim.slot, settled, order.CodeIdempotencyInProgress, order.ErrKeyInProgress)
		case !bytes.Equal(earlier[i].BodyHash, claim.BodyHash):
			w.settle(claim.slot, settled, order.CodeIdempotencyKeyReused, order.ErrKeyReused)
		default:
			w.replay(claim.slot, settled, earlier[i].ResultIDs)
		}
	}
	w.claims = kept
	return settled, nil
}

// drafts lists the drafts that a key covers.
func (w *creation) drafts(at slot) []slot {
	if at.draft >= 0 {
		return []slot{at}
	}
	all := make([]slot, len(w.requests[at.request].drafts))
	for d := range all {
		all[d] = slot{at.request, d}
	}
	return all
}

// settle refuses the drafts that a key covers.
func (w *creation) settle(at slot, settled map[slot]bool, code order.Code, reason error) {
	refused := keyFault(code, reason)
	if at.draft < 0 {
		w.results[at.request].batch = refused
	}
	for _, one := range w.drafts(at) {
		if !settled[one] && at.draft >= 0 {
			w.results[one.request].faults[one.draft] = refused
		}
		settled[one] = true
	}
}

// replay answers with what an earlier request made. What that one refused is refused again: its key is used up.
func (w *creation) replay(at slot, settled map[slot]bool, made []uuid.UUID) {
	for i, one := range w.drafts(at) {
		if settled[one] {
			continue
		}
		settled[one] = true
		if i < len(made) && made[i] != uuid.Nil {
			w.results[one.request].replays[one.draft] = made[i]
			continue
		}
		if len(w.requests[one.request].faults[one.draft]) > 0 {
			continue
		}
		w.results[one.request].faults[one.draft] = order.Faults{{
			Field: []string{fieldKey}, Code: order.CodeConflict,
			Message: "the first request with this key refused this order: send it under a new key",
		}}
	}
}

func (w *creation) write(ctx context.Context, tx *store.Tx) (Committed, error) {
	if len(w.placed) == 0 {
		return Committed{}, nil
	}
	// In one order everywhere: transactions that place the same references then wait for each other, not in a circle.
	slices.SortStableFunc(w.placed, func(a, b placement) int {
		one, other := a.Case.Order, b.Case.Order
		return cmp.Or(bytes.Compare(one.AccountID[:], other.AccountID[:]), cmp.Compare(one.Reference, other.Reference))
	})
	placements := make([]store.Placement, len(w.placed))
	for i := range w.placed {
		placements[i] = w.placed[i].Placement
	}
	inserted, err := tx.InsertOrders(ctx, placements)
	if err != nil {
		return Committed{}, err
	}
	var accepted []store.Placement
	var tasks []task.Task
	for _, placed := range w.placed {
		at, o := placed.slot, placed.Case.Order
		if !inserted[o.ID] {
			w.results[at.request].faults[at.draft] = order.Faults{{
				Field: []string{"reference"}, Code: order.CodeReferenceTaken,
				Message: "another order has this reference: choose another one",
			}}
			continue
		}
		accepted = append(accepted, placed.Placement)
		w.results[at.request].orders[at.draft] = o
		for _, f := range placed.Case.New {
			dispatch := dispatchTask(o, f)
			dispatch.TraceID = w.requests[at.request].trace
			tasks = append(tasks, dispatch)
		}
	}
	if len(accepted) == 0 {
		return Committed{}, nil
	}
	if err := tx.InsertPlaced(ctx, accepted); err != nil {
		return Committed{}, err
	}
	if tasks, err = tx.TaskInsert(ctx, tasks); err != nil {
		return Committed{}, err
	}
	if err := tx.KeepKeys(ctx, w.keep()); err != nil {
		return Committed{}, err
	}
	return Committed{Tasks: tasks, Events: len(accepted)}, nil
}

// keep lists the claims whose requests made something, with what they made.
func (w *creation) keep() []store.Claim {
	var kept []store.Claim
	for _, claim := range w.claims {
		some := false
		for _, one := range w.drafts(claim.slot) {
			made := uuid.Nil
			if o := w.results[one.request].orders[one.draft]; o != nil {
				made, some = o.ID, true
			}
			claim.ResultIDs = append(claim.ResultIDs, made)
		}
		if some {
			kept = append(kept, claim.Claim)
		}
	}
	return kept
}
