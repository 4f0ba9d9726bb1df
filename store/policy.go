package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store/internal/db"
)

func policyOf(row db.RoutingPolicy) (*routing.Policy, error) {
	p := &routing.Policy{
		ID: row.ID, AccountID: row.AccountID, Name: row.Name, Version: int(row.Version), State: routing.State(row.State),
		Category: value(row.Category), Default: row.IsDefault, FallbackID: row.FallbackID,
		LateAction: routing.LateAction(row.LateAction), CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt.UTC(),
		PublishedAt: utc(row.PublishedAt), ArchivedAt: utc(row.ArchivedAt),
	}
	if err := json.Unmarshal(row.Rules, &p.Rules); err != nil {
		return nil, fmt.Errorf("read rules of routing policy %s: %w", p.ID, err)
	}
	return p, nil
}

// InsertPolicy writes a draft as the next version of its name. Others who make or publish policies of the account wait.
func (t *Tx) InsertPolicy(ctx context.Context, p *routing.Policy) (*routing.Policy, error) {
	if _, err := t.queries.PolicyLock(ctx, p.AccountID); err != nil {
		return nil, domainError("lock routing policies", err)
	}
	rules, err := json.Marshal(p.Rules)
	if err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	var category *string
	if p.Category != "" {
		category = &p.Category
	}
	row, err := t.queries.PolicyInsert(ctx, db.PolicyInsertParams{
		ID: p.ID, AccountID: p.AccountID, Name: p.Name, Category: category, IsDefault: p.Default, Rules: rules,
		FallbackID: p.FallbackID, LateAction: string(p.LateAction), CreatedBy: p.CreatedBy, Now: t.Now,
	})
	if err != nil {
		return nil, domainError("insert routing policy", err)
	}
	return policyOf(row)
}

// LockPolicy reads a version of an account's policies. Others who make or publish policies of the account wait until the
// transaction ends. It fails with order.ErrNotFound.
func (t *Tx) LockPolicy(ctx context.Context, accountID, policyID uuid.UUID) (*routing.Policy, error) {
	if _, err := t.queries.PolicyLock(ctx, accountID); err != nil {
		return nil, domainError("lock routing policies", err)
	}
	return t.Policy(ctx, accountID, policyID)
}

// Policy reads a version of an account's policies. It fails with order.ErrNotFound.
func (t *Tx) Policy(ctx context.Context, accountID, policyID uuid.UUID) (*routing.Policy, error) {
	row, err := t.queries.PolicyGet(ctx, accountID, policyID)
	if err != nil {
		return nil, domainError("read routing policy", err)
	}
	return policyOf(row)
}

// PublishPolicy puts a version in force in the place of the one that is. The caller has locked it.
func (t *Tx) PublishPolicy(ctx context.Context, p *routing.Policy) (*routing.Policy, error) {
	if err := t.queries.PolicyArchive(ctx, t.Now, p.AccountID, p.Name); err != nil {
		return nil, domainError("archive routing policy", err)
	}
	row, err := t.queries.PolicyPublish(ctx, t.Now, p.AccountID, p.ID)
	if err != nil {
		return nil, domainError("publish routing policy", err)
	}
	if err := t.queries.PolicyTurn(ctx, p.AccountID); err != nil {
		return nil, domainError("publish routing policy", err)
	}
	return policyOf(row)
}

// PublishedPolicies returns, of policies named by any of their versions, the account of each of which a version is
// published.
func (t *Tx) PublishedPolicies(ctx context.Context, policyIDs []uuid.UUID) (map[uuid.UUID]uuid.UUID, error) {
	list, err := t.queries.PolicyPublished(ctx, policyIDs)
	if err != nil {
		return nil, domainError("read routing policies", err)
	}
	accounts := make(map[uuid.UUID]uuid.UUID, len(list))
	for _, row := range list {
		accounts[row.ID] = row.AccountID
	}
	return accounts, nil
}

// Book is an account's policies, as of a version of the whole.
type Book struct {
	*routing.Book

	Version int64
}

// Books reads the policies of accounts; accounts without any are missing from the answer.
func (t *Tx) Books(ctx context.Context, accountIDs []uuid.UUID) (map[uuid.UUID]Book, error) {
	return readBooks(ctx, t.queries, accountIDs)
}

// Books reads the policies of accounts; accounts without any are missing from the answer.
func (s *Store) Books(ctx context.Context, accountIDs []uuid.UUID) (map[uuid.UUID]Book, error) {
	return readBooks(ctx, s.queries, accountIDs)
}

func readBooks(ctx context.Context, queries *db.Queries, accountIDs []uuid.UUID) (map[uuid.UUID]Book, error) {
	list, err := queries.PolicyOfAccounts(ctx, accountIDs)
	if err != nil {
		return nil, domainError("read routing policies", err)
	}
	versions := make(map[uuid.UUID][]*routing.Policy)
	books := make(map[uuid.UUID]Book)
	for _, row := range list {
		p, err := policyOf(row.RoutingPolicy)
		if err != nil {
			return nil, err
		}
		versions[p.AccountID] = append(versions[p.AccountID], p)
		books[p.AccountID] = Book{Version: row.PoliciesVersion}
	}
	for accountID, book := range books {
		book.Book = routing.NewBook(versions[accountID])
		books[accountID] = book
	}
	return books, nil
}

// PolicyFilter selects versions of policies; zero fields select nothing.
type PolicyFilter struct {
	Name       string
	States     []routing.State // one of these; nil: any, empty: none
	Categories []string        // one of these; nil: any, empty: none
	Default    *bool
}

func (f *PolicyFilter) where(accountID uuid.UUID) *where {
	w := of(accountID)
	if f.Name != "" {
		w.add("t.name = ?", f.Name)
	}
	if f.States != nil {
		w.add("t.state = ANY(?)", f.States)
	}
	if f.Categories != nil {
		w.add("t.category = ANY(?)", f.Categories)
	}
	if f.Default != nil {
		w.add("t.is_default = ?", *f.Default)
	}
	return w
}

func policies() table[db.RoutingPolicy, *routing.Policy] {
	created := createdTerm(func(p *routing.Policy) time.Time { return p.CreatedAt })
	return table[db.RoutingPolicy, *routing.Policy]{
		name: "routing policies", from: "routing_policies", one: policyOf,
		id: idTerm(func(p *routing.Policy) uuid.UUID { return p.ID }),
		sort: map[SortField][]term[*routing.Policy]{
			"": {created}, ByCreated: {created},
			ByName: {{sql: "t.name", kind: keyText, of: func(p *routing.Policy) string { return p.Name }}},
		},
	}
}

// PolicyList reads a page of all versions of an account's policies, usually by time. It fails with ErrKey.
func (s *Store) PolicyList(
	ctx context.Context, accountID uuid.UUID, filter PolicyFilter, sort Sort, page Page,
) (Slice[*routing.Policy], error) {
	return list(ctx, s, policies(), filter.where(accountID), sort, page)
}

// Policies reads versions of an account's policies by id; unknown ones are missing from the answer.
func (s *Store) Policies(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]*routing.Policy, error) {
	return load(ctx, s, policies(), accountID, ids)
}

// Sellers tells which ids are those of an account's providers, and which those of its offers.
func (t *Tx) Sellers(ctx context.Context, accountID uuid.UUID, ids []uuid.UUID) (providers, offers map[uuid.UUID]bool, err error) {
	list, err := t.queries.SellerFind(ctx, accountID, ids)
	if err != nil {
		return nil, nil, domainError("find providers and offers", err)
	}
	providers, offers = make(map[uuid.UUID]bool), make(map[uuid.UUID]bool)
	for _, row := range list {
		if row.IsProvider {
			providers[row.ID] = true
		} else {
			offers[row.ID] = true
		}
	}
	return providers, offers, nil
}
