package fulfillment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// mostChanges bounds one synchronization.
const mostChanges = 20_000

// SyncArguments are those of a SYNC_OFFERS task. One that a schedule began has no synchronization before it runs.
type SyncArguments struct {
	SyncID     uuid.UUID      `json:"syncId,omitzero"`
	ProviderID uuid.UUID      `json:"providerId,omitzero"`
	Mode       order.SyncMode `json:"mode,omitempty"`
}

// SyncOffers begins to compare a provider's offers with what it lists, and, with APPLY, to make them so. While one of the
// same mode runs, that one is returned. It fails with order.ErrNotFound and order.Faults.
func (s *Service) SyncOffers(
	ctx context.Context, who account.Principal, providerID uuid.UUID, mode order.SyncMode,
) (*order.OfferSync, error) {
	if mode != order.SyncApply && mode != order.SyncPropose {
		return nil, order.Faults{{Field: []string{"mode"}, Code: order.CodeInvalid, Message: "must be APPLY or PROPOSE"}}
	}
	var committed Committed
	sync, err := s.beginSync(ctx, who, providerID, mode, func(tx *store.Tx, p *order.Provider, sync *order.OfferSync) error {
		arguments, err := json.Marshal(SyncArguments{SyncID: sync.ID})
		if err != nil {
			return fmt.Errorf("write arguments: %w", err)
		}
		committed.Tasks, err = tx.TaskInsert(ctx, []task.Task{providerTask(p, task.KindSyncOffers, syncKey(sync.ID), arguments)})
		return err
	})
	if err != nil {
		return nil, err
	}
	s.announce(committed)
	return sync, nil
}

// SyncOffersIn is SyncOffers in a task that a schedule began: that one does what another would be made for, now and
// should it be tried again. ours is false where an earlier synchronization of the same mode is still running. It fails
// with ErrStale where somebody else has the task.
func (s *Service) SyncOffersIn(ctx context.Context, who account.Principal, t task.Task, arguments SyncArguments) (
	sync *order.OfferSync, ours bool, err error,
) {
	sync, err = s.beginSync(ctx, who, arguments.ProviderID, arguments.Mode,
		func(tx *store.Tx, _ *order.Provider, sync *order.OfferSync) error {
			ours = true
			held, err := tx.TaskAdopt(ctx, t, syncKey(sync.ID), map[string]any{"syncId": sync.ID})
			if err == nil && !held {
				err = ErrStale
			}
			return err
		})
	return sync, ours, err
}

// beginSync makes a synchronization and what works it off, unless one of the same mode is running.
func (s *Service) beginSync(
	ctx context.Context, who account.Principal, providerID uuid.UUID, mode order.SyncMode,
	begin func(*store.Tx, *order.Provider, *order.OfferSync) error,
) (sync *order.OfferSync, err error) {
	err = s.store.Write(ctx, func(tx *store.Tx) error {
		p, err := tx.LockProvider(ctx, who.AccountID, providerID)
		if err != nil {
			return err
		}
		running, err := s.runningSync(ctx, tx, p)
		if err != nil {
			return err
		}
		if running != nil {
			sync = running
			if running.Mode != mode {
				return conflict("providerId", "another synchronization of this provider is running: wait for its end")
			}
			return nil
		}
		sync = &order.OfferSync{
			ID: id.New(id.OfferSync), AccountID: p.AccountID, ProviderID: p.ID, Mode: mode, State: order.SyncRunning,
			CreatedBy: who.Actor, CreatedAt: tx.Now,
		}
		if err := tx.InsertSync(ctx, sync); err != nil {
			return err
		}
		return begin(tx, p, sync)
	})
	return sync, err
}

func syncKey(syncID uuid.UUID) string { return "sync:" + syncID.String() }

// mostTries bounds the runs of a task that somebody waits for.
const mostTries = 3

func providerTask(p *order.Provider, kind task.Kind, key string, arguments json.RawMessage) task.Task {
	providerID := p.ID
	return task.Task{
		AccountID: p.AccountID, Kind: kind, Queue: task.QueueSystem, ProviderID: &providerID,
		Arguments: arguments, UniqueKey: key, MaxAttempts: mostTries,
	}
}

// runningSync returns the provider's running synchronization. One whose task is gone has failed.
func (s *Service) runningSync(ctx context.Context, tx *store.Tx, p *order.Provider) (*order.OfferSync, error) {
	running, err := tx.RunningSync(ctx, p.AccountID, p.ID)
	if running == nil || err != nil {
		return nil, err
	}
	if _, err := tx.TaskByKey(ctx, syncKey(running.ID)); !errors.Is(err, order.ErrNotFound) {
		return running, err
	}
	running.State, running.Error = order.SyncFailed, "its task was given up"
	return nil, tx.UpdateSync(ctx, running)
}

// Sync reads a synchronization of any account with its provider, for the engine. It fails with order.ErrNotFound.
func (s *Service) Sync(ctx context.Context, syncID uuid.UUID) (order.OfferSync, order.Provider, error) {
	sync, err := s.store.Sync(ctx, syncID)
	if err != nil {
		return order.OfferSync{}, order.Provider{}, err
	}
	provider, err := s.Provider(ctx, sync.ProviderID)
	return *sync, provider, err
}

// FinishSync takes in what a provider lists. What is to be applied is, in one transaction; a catalog that is empty all of
// a sudden is only proposed. A synchronization that has ended stays as it is.
func (s *Service) FinishSync(ctx context.Context, syncID uuid.UUID, listed []order.ExternalOffer) (*order.OfferSync, error) {
	var ended *order.OfferSync
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		sync, err := tx.LockSync(ctx, syncID)
		if err != nil {
			return err
		}
		ended = sync
		if sync.State != order.SyncRunning {
			return nil
		}
		current, p, err := s.lockCatalog(ctx, tx, sync)
		if err != nil {
			return err
		}
		changes := order.CompareOffers(p, current, listed)
		now := tx.Now
		sync.ListedAt, sync.State = &now, order.SyncProposed
		countChanges(sync, changes)
		if len(changes) > mostChanges {
			sync.State, sync.Error = order.SyncFailed, fmt.Sprintf("there are %d changes, more than %d", len(changes), mostChanges)
			return tx.UpdateSync(ctx, sync)
		}
		if err := tx.InsertChanges(ctx, sync, changes); err != nil {
			return err
		}
		if sync.Mode == order.SyncPropose {
			return tx.UpdateSync(ctx, sync)
		}
		if len(listed) == 0 && sync.Disabled > 0 {
			sync.Error = "the provider lists nothing at all: approve that, if it is true"
			return tx.UpdateSync(ctx, sync)
		}
		return applySync(ctx, tx, sync, p, changes, sync.CreatedBy)
	})
	if err != nil {
		return nil, fmt.Errorf("finish synchronization: %w", err)
	}
	return ended, nil
}

// FailSync ends a synchronization whose provider can't be asked.
func (s *Service) FailSync(ctx context.Context, syncID uuid.UUID, reason string) error {
	return s.store.Write(ctx, func(tx *store.Tx) error {
		sync, err := tx.LockSync(ctx, syncID)
		if err != nil || sync.State != order.SyncRunning {
			return err
		}
		sync.State, sync.Error = order.SyncFailed, reason
		return tx.UpdateSync(ctx, sync)
	})
}

// lockCatalog locks the offers and then their provider: in this order everywhere.
func (s *Service) lockCatalog(ctx context.Context, tx *store.Tx, sync *order.OfferSync) ([]*order.Offer, *order.Provider, error) {
	current, err := tx.LockOffers(ctx, sync.AccountID, sync.ProviderID)
	if err != nil {
		return nil, nil, err
	}
	p, err := tx.LockProvider(ctx, sync.AccountID, sync.ProviderID)
	return current, p, err
}

func countChanges(sync *order.OfferSync, changes []order.OfferChange) {
	for i := range changes {
		switch changes[i].Kind {
		case order.OfferAdd:
			sync.Added++
		case order.OfferChanged:
			sync.Changed++
		case order.OfferDisable:
			sync.Disabled++
		case order.OfferSkip:
			sync.Skipped++
		}
	}
}

// applySync makes the offers as they are listed, and has what found no offer so far looked at again.
func applySync(
	ctx context.Context, tx *store.Tx, sync *order.OfferSync, p *order.Provider, changes []order.OfferChange, actor string,
) error {
	sync.State = order.SyncApplied
	if err := tx.ApplyChanges(ctx, p, changes); err != nil {
		return err
	}
	if err := tx.UpdateSync(ctx, sync); err != nil {
		return err
	}
	return changedCatalog(ctx, tx, account.Principal{AccountID: sync.AccountID, Actor: actor}, account.ActionOfferSync, sync.ID)
}

// ApproveSync applies a proposed synchronization, all of it or nothing: not where an offer is no more as it was when the
// differences were shown. Approving an applied one changes nothing. It fails with order.ErrNotFound and order.Faults.
func (s *Service) ApproveSync(ctx context.Context, who account.Principal, syncID uuid.UUID) (*order.OfferSync, error) {
	return s.decideSync(ctx, who, syncID, order.SyncApplied, func(tx *store.Tx, sync *order.OfferSync) error {
		current, p, err := s.lockCatalog(ctx, tx, sync)
		if err != nil {
			return err
		}
		changes, err := tx.Changes(ctx, sync.ID)
		if err != nil {
			return err
		}
		known := make(map[string]*order.Offer, len(current))
		for _, o := range current {
			known[o.ExternalID] = o
		}
		for i := range changes {
			if c := &changes[i]; c.Kind != order.OfferSkip && !c.StillAsBefore(known[c.ExternalID]) {
				return conflict("id", fmt.Sprintf("the offer %q has changed since: synchronize again", c.ExternalID))
			}
		}
		return applySync(ctx, tx, sync, p, changes, who.Actor)
	})
}

// DiscardSync leaves the catalog as it is. Discarding a discarded one changes nothing. It fails with order.ErrNotFound and
// order.Faults.
func (s *Service) DiscardSync(ctx context.Context, who account.Principal, syncID uuid.UUID) (*order.OfferSync, error) {
	return s.decideSync(ctx, who, syncID, order.SyncDiscarded, func(tx *store.Tx, sync *order.OfferSync) error {
		sync.State = order.SyncDiscarded
		return tx.UpdateSync(ctx, sync)
	})
}

// decideSync has a person decide about a proposal.
func (s *Service) decideSync(
	ctx context.Context, who account.Principal, syncID uuid.UUID, end order.SyncState, do func(*store.Tx, *order.OfferSync) error,
) (*order.OfferSync, error) {
	var decided *order.OfferSync
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		sync, err := tx.LockSync(ctx, syncID)
		switch {
		case err != nil:
			return err
		case sync.AccountID != who.AccountID:
			return fmt.Errorf("synchronization %s: %w", syncID, order.ErrNotFound)
		}
		decided = sync
		switch sync.State {
		case end:
			return nil
		case order.SyncProposed:
		case order.SyncRunning, order.SyncApplied, order.SyncDiscarded, order.SyncFailed:
			return conflict("id", fmt.Sprintf("it is %s: only a proposed one can be decided", sync.State))
		}
		now := tx.Now
		sync.DecidedBy, sync.DecidedAt = who.Actor, &now
		return do(tx, sync)
	})
	if err != nil {
		return nil, err
	}
	return decided, nil
}

func conflict(field, message string) order.Faults {
	return order.Faults{{Field: []string{field}, Code: order.CodeConflict, Message: message}}
}
