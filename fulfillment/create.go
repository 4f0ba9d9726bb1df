package fulfillment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/failpoint"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/order"
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
	trace  string         // that the request belongs to
	faults []order.Faults // by place; a draft with faults is placed only if an earlier request did so
}

// created is what became of a createRequest.
type created struct {
	orders  []*order.Order
	faults  []order.Faults // by place, besides those of the request
	batch   order.Faults   // of the batch's key
	replays []uuid.UUID    // by place: made by an earlier request, to be read
}

func newCreated(count int) created {
	return created{
		orders: make([]*order.Order, count), faults: make([]order.Faults, count), replays: make([]uuid.UUID, count),
	}
}

func (s *Service) create(ctx context.Context, wanted createRequest) ([]*order.Order, order.Faults, error) {
	if faults := order.CheckKey(wanted.key); len(faults) > 0 {
		return make([]*order.Order, len(wanted.drafts)), faults, nil
	}
	now := s.options.Clock()
	wanted.trace = request.TraceID(ctx)
	wanted.faults = make([]order.Faults, len(wanted.drafts))
	ask := wanted.key != ""
	for i := range wanted.drafts {
		wanted.faults[i] = wanted.drafts[i].Validate(now)
		ask = ask || len(wanted.faults[i]) == 0 || wanted.drafts[i].IdempotencyKey != ""
	}
	result := newCreated(len(wanted.drafts))
	if ask {
		var err error
		if result, err = s.creates.Do(ctx, wanted); err != nil {
			return nil, nil, fmt.Errorf("create orders: %w", err)
		}
	}
	if err := s.readReplays(ctx, wanted.who.AccountID, &result); err != nil {
		return nil, nil, err
	}
	failpoint.Hit(failpoint.APIBeforeReply)
	return result.orders, wanted.allFaults(&result), nil
}

// allFaults lists the faults of a request by their paths. What was wrong with a draft does not matter where an earlier
// request placed it: its deadline may have passed since, say.
func (r *createRequest) allFaults(result *created) order.Faults {
	faults := result.batch
	for i := range r.drafts {
		mine := result.faults[i]
		if result.replays[i] == uuid.Nil {
			mine = slices.Concat(r.faults[i], mine)
		}
		if !r.single {
			mine = mine.Under("orders", strconv.Itoa(i))
		}
		faults = append(faults, mine...)
	}
	return faults
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
		if orderID == uuid.Nil {
			continue
		}
		if result.orders[i] = found[orderID]; result.orders[i] == nil {
			result.faults[i] = order.Faults{{
				Field: []string{fieldKey}, Code: order.CodeConflict,
				Message: "the order that the first request with this key made is gone",
			}}
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
		draft.Metadata, draft.Destination.Attributes = hashable(draft.Metadata), hashable(draft.Destination.Attributes)
		draft.Lines = slices.Clone(draft.Lines)
		for l := range draft.Lines {
			draft.Lines[l].Attributes = hashable(draft.Lines[l].Attributes)
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

// hashable returns JSON for what should be JSON and may not be: a batch may hold drafts that are refused.
func hashable(value json.RawMessage) json.RawMessage {
	if len(value) == 0 {
		return nil
	}
	if json.Valid(value) {
		return value
	}
	quoted, err := json.Marshal(string(value))
	if err != nil {
		return nil
	}
	return quoted
}

// canonical sorts the keys of every object in a JSON text, so that two spellings of one input are one. Numbers stay as
// they are written: large ones that differ must not become the same.
func canonical(text []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var parsed any
	if err := decoder.Decode(&parsed); err != nil {
		return text
	}
	sorted, err := json.Marshal(parsed)
	if err != nil {
		return text
	}
	return sorted
}
