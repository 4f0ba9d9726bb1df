package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

// InsertSync begins a synchronization.
func (t *Tx) InsertSync(ctx context.Context, s *order.OfferSync) error {
	return domainError("insert synchronization", t.queries.OfferSyncInsert(ctx, db.OfferSyncInsertParams{
		ID: s.ID, AccountID: s.AccountID, ProviderID: s.ProviderID, Mode: string(s.Mode), State: string(s.State),
		CreatedBy: s.CreatedBy, Now: t.Now,
	}))
}

// RunningSync returns the synchronization of an account's provider that is running; nil: none is.
func (t *Tx) RunningSync(ctx context.Context, accountID, providerID uuid.UUID) (*order.OfferSync, error) {
	row, err := t.queries.OfferSyncRunning(ctx, accountID, providerID)
	err = domainError("read running synchronization", err)
	if errors.Is(err, order.ErrNotFound) {
		return nil, nil //nolint:nilnil // none is no error here
	}
	return syncOf(row), err
}

// LockSync reads a synchronization of any account for change. It fails with order.ErrNotFound.
func (t *Tx) LockSync(ctx context.Context, syncID uuid.UUID) (*order.OfferSync, error) {
	row, err := t.queries.OfferSyncLock(ctx, syncID)
	return syncOf(row), domainError("lock synchronization", err)
}

// Sync reads a synchronization of any account. It fails with order.ErrNotFound.
func (s *Store) Sync(ctx context.Context, syncID uuid.UUID) (*order.OfferSync, error) {
	row, err := s.queries.OfferSyncGet(ctx, syncID)
	return syncOf(row), domainError("read synchronization", err)
}

// UpdateSync writes a synchronization that was locked before.
func (t *Tx) UpdateSync(ctx context.Context, s *order.OfferSync) error {
	return domainError("update synchronization", t.queries.OfferSyncUpdate(ctx, db.OfferSyncUpdateParams{
		State: string(s.State), Added: small(s.Added), Changed: small(s.Changed), Disabled: small(s.Disabled), Skipped: small(s.Skipped),
		Error: s.Error, ListedAt: s.ListedAt, DecidedBy: s.DecidedBy, DecidedAt: s.DecidedAt, ID: s.ID,
	}))
}

func syncOf(row db.OfferSync) *order.OfferSync {
	return &order.OfferSync{
		ID: row.ID, AccountID: row.AccountID, ProviderID: row.ProviderID, Mode: order.SyncMode(row.Mode),
		State: order.SyncState(row.State), Added: int(row.Added), Changed: int(row.Changed), Disabled: int(row.Disabled),
		Skipped: int(row.Skipped), Error: row.Error, CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt.UTC(),
		ListedAt: utc(row.ListedAt), DecidedBy: row.DecidedBy, DecidedAt: utc(row.DecidedAt),
	}
}

// LockOffers reads all offers of an account's provider for change, by their ids. Before the provider is locked: so it is
// everywhere.
func (t *Tx) LockOffers(ctx context.Context, accountID, providerID uuid.UUID) ([]*order.Offer, error) {
	list, err := t.queries.OfferLockOfProvider(ctx, providerID, accountID)
	if err != nil {
		return nil, fmt.Errorf("lock offers: %w", err)
	}
	return rows(list, offerOf), nil
}

// InsertChanges keeps what a synchronization would do, in this order.
func (t *Tx) InsertChanges(ctx context.Context, s *order.OfferSync, list []order.OfferChange) error {
	if len(list) == 0 {
		return nil
	}
	params := db.OfferChangeInsertParams{AccountID: s.AccountID, SyncID: s.ID}
	for i := range list {
		c := &list[i]
		fields, err := json.Marshal(given(c.Fields))
		if err != nil {
			return fmt.Errorf("write differences: %w", err)
		}
		offer := ""
		if c.Offer != nil {
			text, err := json.Marshal(c.Offer) //nolint:musttag // both ends are this package
			if err != nil {
				return fmt.Errorf("write offer: %w", err)
			}
			offer = string(text)
		}
		params.Ids, params.Kinds = append(params.Ids, id.New(id.OfferSync)), append(params.Kinds, string(c.Kind))
		params.ExternalIds, params.OfferIds = append(params.ExternalIds, c.ExternalID), append(params.OfferIds, textOfID(c.OfferID))
		params.Names, params.Reasons = append(params.Names, c.Name), append(params.Reasons, c.Reason)
		params.Fields, params.Offers = append(params.Fields, string(fields)), append(params.Offers, offer)
	}
	return domainError("insert offer changes", t.queries.OfferChangeInsert(ctx, params))
}

// Changes reads all that a synchronization would do.
func (t *Tx) Changes(ctx context.Context, syncID uuid.UUID) ([]order.OfferChange, error) {
	list, err := t.queries.OfferChangesOf(ctx, syncID)
	if err != nil {
		return nil, fmt.Errorf("read offer changes: %w", err)
	}
	changes := make([]order.OfferChange, len(list))
	for i, row := range list {
		change, err := changeOf(row)
		if err != nil {
			return nil, err
		}
		changes[i] = *change
	}
	return changes, nil
}

func changeOf(row db.OfferSyncChange) (*order.OfferChange, error) {
	c := &order.OfferChange{
		ID: row.ID, AccountID: row.AccountID, SyncID: row.SyncID, Kind: order.OfferChangeKind(row.Kind),
		ExternalID: row.ExternalID, OfferID: row.OfferID, Name: row.Name, Reason: row.Reason,
	}
	if err := json.Unmarshal(row.Fields, &c.Fields); err != nil {
		return nil, fmt.Errorf("read differences: %w", err)
	}
	if row.Offer != nil {
		if err := json.Unmarshal(row.Offer, &c.Offer); err != nil { //nolint:musttag // both ends are this package
			return nil, fmt.Errorf("read offer: %w", err)
		}
	}
	return c, nil
}

// ApplyChanges writes the offers as they become.
func (t *Tx) ApplyChanges(ctx context.Context, provider *order.Provider, list []order.OfferChange) error {
	p := db.OfferUpsertParams{
		AccountID: provider.AccountID, ProviderID: provider.ID, Currency: string(provider.Currency), Now: t.Now,
	}
	for i := range list {
		o := list[i].Offer
		if o == nil {
			continue
		}
		p.Ids, p.ExternalIds, p.Names = append(p.Ids, id.New(id.Offer)), append(p.ExternalIds, o.ExternalID), append(p.Names, o.Name)
		p.Categories, p.ServiceTypes = append(p.Categories, o.Category), append(p.ServiceTypes, o.ServiceType)
		p.UnitPrices = append(p.UnitPrices, o.UnitPrice.String())
		p.MinQuantities, p.MaxQuantities = append(p.MinQuantities, small(o.MinQuantity)), append(p.MaxQuantities, small(o.MaxQuantity))
		p.AvailableFroms = append(p.AvailableFroms, textOfTime(o.AvailableFrom))
		p.AvailableUntils = append(p.AvailableUntils, textOfTime(o.AvailableUntil))
		p.Slas, p.Enableds = append(p.Slas, o.SLA.Milliseconds()), append(p.Enableds, o.Enabled)
		p.Vanished = append(p.Vanished, o.Vanished)
	}
	if len(p.Ids) == 0 {
		return nil
	}
	return domainError("apply offer changes", t.queries.OfferUpsert(ctx, p))
}

func syncs() table[db.OfferSync, *order.OfferSync] {
	created := createdTerm(func(s *order.OfferSync) time.Time { return s.CreatedAt })
	return table[db.OfferSync, *order.OfferSync]{
		name: "synchronizations", from: "offer_syncs", one: always(syncOf),
		id:   idTerm(func(s *order.OfferSync) uuid.UUID { return s.ID }),
		sort: map[SortField][]term[*order.OfferSync]{"": {created}},
	}
}

// SyncsOf reads, for each of an account's providers, a page of its synchronizations, the latest first. It fails with
// ErrKey.
func (s *Store) SyncsOf(
	ctx context.Context, accountID uuid.UUID, providerIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[*order.OfferSync], error) {
	by := child[*order.OfferSync]{"provider_id", func(one *order.OfferSync) uuid.UUID { return one.ProviderID }}
	return children(ctx, s, syncs(), by, providerIDs, of(accountID), Sort{Desc: true}, page)
}

// Syncs reads an account's synchronizations by id; unknown ones are missing from the answer.
func (s *Store) Syncs(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*order.OfferSync, error) {
	return load(ctx, s, syncs(), accountID, ids)
}

func changes() table[db.OfferSyncChange, *order.OfferChange] {
	return table[db.OfferSyncChange, *order.OfferChange]{
		name: "offer changes", from: "offer_sync_changes", one: changeOf,
		id:   idTerm(func(c *order.OfferChange) uuid.UUID { return c.ID }),
		sort: map[SortField][]term[*order.OfferChange]{"": nil},
	}
}

// ChangesOf reads, for each of an account's synchronizations, a page of its changes. It fails with ErrKey.
func (s *Store) ChangesOf(
	ctx context.Context, accountID uuid.UUID, syncIDs []uuid.UUID, page Page,
) (map[uuid.UUID]Slice[*order.OfferChange], error) {
	by := child[*order.OfferChange]{"sync_id", func(c *order.OfferChange) uuid.UUID { return c.SyncID }}
	return children(ctx, s, changes(), by, syncIDs, of(accountID), Sort{}, page)
}
