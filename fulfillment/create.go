package fulfillment

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// The mutations whose idempotency keys have a scope of their own.
const (
	mutationCreateOrder  = "createOrder"
	mutationCreateOrders = "createOrders"
)

// CreateOrder places one order. Faults of the draft are returned as order.Faults.
func (s *Service) CreateOrder(ctx context.Context, who account.Principal, draft order.Draft) (*order.Order, error) {
	orders, faults, err := s.create(ctx, createRequest{who: who, drafts: []order.Draft{draft}, single: true})
	if err != nil {
		return nil, err
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return orders[0], nil
}

// CreateOrders places up to a hundred orders at once, each on its own merits: orders has nil where one was refused,
// and faults say why. With key, the same request again returns what the first one made.
func (s *Service) CreateOrders(
	ctx context.Context, who account.Principal, key string, drafts []order.Draft,
) (orders []*order.Order, faults order.Faults, err error) {
	return s.create(ctx, createRequest{who: who, key: key, drafts: drafts})
}

// createRequest is one call of createOrder or createOrders.
type createRequest struct {
	who    account.Principal
	key    string // of the whole batch
	drafts []order.Draft
	single bool           // paths are those of CreateOrderInput itself
	faults []order.Faults // by place; a draft with faults is not placed
}

// created is what became of a createRequest.
type created struct {
	orders  []*order.Order
	faults  []order.Faults // by place, besides those of the request
	replays []uuid.UUID    // by place: made by an earlier request, to be read
}

func (s *Service) create(ctx context.Context, request createRequest) ([]*order.Order, order.Faults, error) {
	now := s.options.Clock()
	request.faults = make([]order.Faults, len(request.drafts))
	good := 0
	for i := range request.drafts {
		request.faults[i] = request.drafts[i].Validate(now)
		if len(request.faults[i]) == 0 {
			good++
		}
	}
	result := created{orders: make([]*order.Order, len(request.drafts)), faults: make([]order.Faults, len(request.drafts))}
	if good > 0 {
		var err error
		if result, err = s.creates.Do(ctx, request); err != nil {
			return nil, nil, fmt.Errorf("create orders: %w", err)
		}
	}
	if err := s.readReplays(ctx, request.who.AccountID, &result); err != nil {
		return nil, nil, err
	}
	var faults order.Faults
	for i := range request.drafts {
		mine := slices.Concat(request.faults[i], result.faults[i])
		if !request.single {
			mine = mine.Under("orders", strconv.Itoa(i))
		}
		faults = append(faults, mine...)
	}
	return result.orders, faults, nil
}

// readReplays fills in the orders that earlier requests made, as they are now.
func (s *Service) readReplays(ctx context.Context, accountID uuid.UUID, result *created) error {
	var wanted []uuid.UUID
	for _, orderID := range result.replays {
		if orderID != uuid.Nil {
			wanted = append(wanted, orderID)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	found, err := s.store.Orders(ctx, accountID, wanted)
	if err != nil {
		return fmt.Errorf("read orders of an earlier request: %w", err)
	}
	for i, orderID := range result.replays {
		if orderID != uuid.Nil {
			result.orders[i] = found[orderID]
		}
	}
	return nil
}

// draftHash identifies a draft's content, its idempotency key left out.
func draftHash(drafts []order.Draft) ([]byte, error) {
	plain := make([]order.Draft, len(drafts))
	for i, draft := range drafts {
		draft.IdempotencyKey = ""
		if draft.Deadline != nil {
			moved := draft.Deadline.UTC()
			draft.Deadline = &moved
		}
		if draft.Budget != nil {
			draft.Budget = &order.Money{Amount: draft.Budget.Amount.Trim(0), Currency: draft.Budget.Currency}
		}
		plain[i] = draft
	}
	text, err := json.Marshal(plain) //nolint:musttag // it is only hashed
	if err != nil {
		return nil, fmt.Errorf("hash input: %w", err)
	}
	sum := sha256.Sum256(canonical(text))
	return sum[:], nil
}

// canonical sorts the keys of every object in a JSON text, so that two spellings of one input are one.
func canonical(text []byte) []byte {
	var parsed any
	if err := json.Unmarshal(text, &parsed); err != nil {
		return text
	}
	sorted, err := json.Marshal(parsed)
	if err != nil {
		return text
	}
	return sorted
}

// place makes the order of a draft, its lines and its first event.
func place(tx *store.Tx, who account.Principal, draft *order.Draft) (store.Placement, error) {
	o := &order.Order{
		ID: id.New(id.Order), AccountID: who.AccountID, Reference: draft.Reference, Category: draft.Category,
		Destination: draft.Destination, Currency: order.Currency(who.Currency), Quantity: draft.Quantity(),
		Deadline: draft.Deadline, Priority: draft.Priority, Metadata: draft.Metadata, TestMode: who.TestMode,
		CreatedBy: who.Actor, CreatedAt: tx.Now,
	}
	if draft.Budget != nil {
		amount := draft.Budget.Amount
		o.Budget, o.Currency = &amount, draft.Budget.Currency
	}
	o.Reserved, o.Spent, o.Overcharge = decimal.Zero, decimal.Zero, decimal.Zero
	lines := make([]order.Line, len(draft.Lines))
	for i, line := range draft.Lines {
		lines[i] = order.Line{
			ID: id.New(id.Line), AccountID: o.AccountID, OrderID: o.ID, Position: i,
			ServiceType: line.ServiceType, Quantity: line.Quantity, Attributes: line.Attributes,
		}
	}
	opened := &order.Case{Order: o, Now: tx.Now, Actor: who.Actor}
	if err := opened.Place(lines); err != nil {
		return store.Placement{}, fmt.Errorf("place order %s: %w", draft.Reference, err)
	}
	return store.Placement{Case: opened, Lines: lines}, nil
}

func newTaskID() uuid.UUID { return id.New(id.Task) }
