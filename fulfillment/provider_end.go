package fulfillment

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// DeleteProvider hides a provider for good: it is given nothing any more, its name is free, its credentials are forgotten;
// its history stays. It is refused while the provider holds anything. It fails with order.ErrNotFound and order.Faults.
func (s *Service) DeleteProvider(ctx context.Context, who account.Principal, providerID uuid.UUID) (*order.Provider, error) {
	var deleted *order.Provider
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.LockOffers(ctx, who.AccountID, providerID); err != nil {
			return err
		}
		p, err := tx.LockProvider(ctx, who.AccountID, providerID)
		if err != nil {
			return err
		}
		busy := p.Reserved.IsPos()
		if !busy {
			if busy, err = tx.ProviderBusy(ctx, who.AccountID, providerID); err != nil {
				return err
			}
		}
		if busy {
			return conflict("id", "fulfillments of it are open: pause it, and delete it once they have ended")
		}
		if deleted, err = tx.DeleteProvider(ctx, who.AccountID, providerID); err != nil {
			return err
		}
		return changedCatalog(ctx, tx, who, account.ActionProviderDelete, providerID)
	})
	return deleted, err
}

// CheckProvider has a worker find out whether a provider can be reached and knows us. While a check waits or runs, its
// task is returned. It fails with order.ErrNotFound.
func (s *Service) CheckProvider(
	ctx context.Context, who account.Principal, providerID uuid.UUID,
) (*order.Provider, *task.Task, error) {
	var provider *order.Provider
	var check task.Task
	var committed Committed
	err := s.store.Write(ctx, func(tx *store.Tx) (err error) {
		if provider, err = tx.LockProvider(ctx, who.AccountID, providerID); err != nil {
			return err
		}
		check = providerTask(provider, task.KindCheckProvider, checkKey(providerID), nil)
		if committed.Tasks, err = tx.TaskInsert(ctx, []task.Task{check}); err != nil {
			return err
		}
		if len(committed.Tasks) == 1 {
			check = committed.Tasks[0]
			return nil
		}
		running, err := tx.TaskByKey(ctx, check.UniqueKey)
		if err == nil {
			check = running
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	s.announce(committed)
	return provider, &check, nil
}

// Checked is what a check of a provider found.
type Checked struct {
	Problem string      // "": all is well
	Class   order.Class // of the problem
	Balance *order.Money
}

// RecordCheck keeps what a check found. One without a problem takes the provider's attention away, so that it is given
// fulfillments again; one that its credentials were refused, or that it wants a person, draws it.
func (s *Service) RecordCheck(ctx context.Context, providerID uuid.UUID, found Checked) error {
	known, err := s.store.Provider(ctx, providerID)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(tx *store.Tx) error {
		p, err := tx.LockProvider(ctx, known.AccountID, providerID)
		if errors.Is(err, order.ErrNotFound) {
			return nil // it was deleted meanwhile
		}
		if err != nil {
			return err
		}
		if err := tx.Checked(ctx, p, found.Problem, found.Balance); err != nil {
			return err
		}
		before := p.Attention
		switch {
		case found.Problem == "":
			p.Attention = ""
		case found.Class == order.ClassAuth || found.Class == order.ClassNeedsAction:
			p.Attention = found.Problem
		}
		if p.Attention == before {
			return nil
		}
		if _, err := tx.UpdateProvider(ctx, p, nil); err != nil {
			return err
		}
		return tx.CatalogChanged(ctx, p.AccountID)
	})
}
