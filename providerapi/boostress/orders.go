package boostress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/protocol"
)

// errOtherKey is an answer about an order that is not the one asked for.
var errOtherKey = errors.New("the answer is about another order")

// Create places an order. Where the provider says that the key is taken, the error is a DUPLICATE and the order is
// the one found under it, if any was.
func (a *Adapter) Create(ctx context.Context, request providerapi.CreateRequest) (order.ExternalOrder, error) {
	if !protocol.ValidKey(request.Key) {
		return order.ExternalOrder{}, unsendable("the key is not 1 to 200 visible ASCII characters")
	}
	wire := wireOf(request)
	body := wire.Append(make([]byte, 0, 512+len(wire.Attributes)+len(wire.Destination.Attributes)))
	if len(body) > protocol.MaxRequest {
		return order.ExternalOrder{}, unsendable("the order is larger than the protocol allows")
	}
	var placed order.ExternalOrder
	err := a.call(ctx, creating, http.MethodPost, "/v1/orders", request.Key, body, func(body []byte) (err error) {
		placed, err = parseOrder(body)
		if err == nil && placed.Key != request.Key {
			err = errOtherKey
		}
		return err
	})
	if err == nil {
		return placed, nil
	}
	if providerapi.ClassOf(err) == order.ClassDuplicate && a.can.Lookup {
		// A lookup that finds nothing, or fails, changes nothing: the engine looks again.
		if found, lookupErr := a.FindByKey(ctx, request.Key); lookupErr == nil {
			return found, err
		}
	}
	return order.ExternalOrder{}, err
}

func unsendable(why string) error {
	return &providerapi.Error{Class: order.ClassRejected, Message: why, Reroutable: true}
}

func wireOf(request providerapi.CreateRequest) protocol.OrderRequest {
	wire := protocol.OrderRequest{
		Reference: request.OrderReference, OfferID: request.OfferID, ServiceType: request.ServiceType,
		Quantity: request.Quantity,
		Destination: protocol.Destination{
			Name: request.Destination.Name, CountryCode: request.Destination.CountryCode,
			Attributes: request.Destination.Attributes,
		},
		Attributes: request.Attributes, Deadline: request.Deadline,
	}
	if request.UnitPrice.Currency != "" {
		wire.UnitPrice = &protocol.Money{
			Amount: request.UnitPrice.Amount.String(), Currency: string(request.UnitPrice.Currency),
		}
	}
	return wire
}

// Get reads one order. It fails with ErrAbsent, within an *Error, where the provider says that there is none.
func (a *Adapter) Get(ctx context.Context, externalID string) (order.ExternalOrder, error) {
	if !protocol.ValidID(externalID) {
		return order.ExternalOrder{}, absent(externalID)
	}
	var found order.ExternalOrder
	err := a.call(ctx, reading, http.MethodGet, "/v1/orders/"+externalID, "", nil, func(body []byte) (err error) {
		found, err = parseOrder(body)
		if err == nil && found.ExternalID != externalID {
			err = errOtherKey
		}
		return err
	})
	return found, err
}

// absent says that no order of the protocol can have the id.
func absent(externalID string) error {
	return &providerapi.Error{
		Class: order.ClassRejected, Message: fmt.Sprintf("%.40q can't be an order's id", externalID), Err: providerapi.ErrAbsent,
	}
}

// GetMany reads at most 100 orders; those that the provider does not know are missing from the answer.
func (a *Adapter) GetMany(ctx context.Context, externalIDs []string) ([]order.ExternalOrder, error) {
	ids := make([]string, 0, len(externalIDs))
	for _, id := range externalIDs {
		if protocol.ValidID(id) {
			ids = append(ids, id)
		}
	}
	switch {
	case len(externalIDs) > protocol.MaxBatch:
		return nil, &providerapi.Error{
			Class: order.ClassUnsupported, Message: fmt.Sprintf("at most %d orders at a time", protocol.MaxBatch),
		}
	case len(ids) == 0:
		return nil, nil
	}
	// Valid ids need no escaping in a query.
	return a.list(ctx, "/v1/orders?ids="+strings.Join(ids, ","))
}

// FindByKey finds the order that was created with the key. Where the provider broke its promise and holds several,
// it returns one that is still alive, if any is. It fails with ErrAbsent only where the provider says in so many
// words that there is none.
func (a *Adapter) FindByKey(ctx context.Context, key string) (order.ExternalOrder, error) {
	orders, err := a.list(ctx, "/v1/orders?key="+url.QueryEscape(key))
	if err != nil {
		return order.ExternalOrder{}, err
	}
	var found *order.ExternalOrder
	for i := range orders {
		if orders[i].Key == key && (found == nil || dead(found.State) && !dead(orders[i].State)) {
			found = &orders[i]
		}
	}
	switch {
	case found != nil:
		return *found, nil
	case len(orders) > 0:
		// The provider answers another question than the one it was asked, so that this proves nothing.
		return order.ExternalOrder{}, &providerapi.Error{
			Class: order.ClassRetryable, Message: "the lookup by key brought orders with other keys", Err: errOtherKey,
		}
	default:
		return order.ExternalOrder{}, providerapi.ErrAbsent
	}
}

func dead(state order.ExternalState) bool {
	return state == order.ExternalRejected || state == order.ExternalFailed || state == order.ExternalCanceled
}

func (a *Adapter) list(ctx context.Context, path string) ([]order.ExternalOrder, error) {
	var orders []order.ExternalOrder
	err := a.call(ctx, reading, http.MethodGet, path, "", nil, func(body []byte) error {
		wire, err := protocol.ParseOrders(body)
		if err != nil {
			return err
		}
		orders = make([]order.ExternalOrder, len(wire))
		for i := range wire {
			if orders[i], err = externalOf(&wire[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return orders, err
}

// Cancel asks for an order's cancellation. An order that is canceled already is a success; one that can't be canceled
// any more is REJECTED.
func (a *Adapter) Cancel(ctx context.Context, externalID, key string) (order.ExternalOrder, error) {
	if !protocol.ValidID(externalID) {
		return order.ExternalOrder{}, absent(externalID)
	}
	var canceled order.ExternalOrder
	path := "/v1/orders/" + externalID + "/cancel"
	err := a.call(ctx, changing, http.MethodPost, path, key, []byte("{}"), func(body []byte) (err error) {
		canceled, err = parseOrder(body)
		if err == nil && canceled.ExternalID != externalID {
			err = errOtherKey
		}
		return err
	})
	if refused, ok := errors.AsType[*providerapi.Error](err); ok && refused.Code == protocol.CodeCanceled {
		return a.Get(ctx, externalID)
	}
	return canceled, err
}

func parseOrder(body []byte) (order.ExternalOrder, error) {
	wire, err := protocol.ParseOrder(body)
	if err != nil {
		return order.ExternalOrder{}, err
	}
	return externalOf(&wire)
}

func externalOf(wire *protocol.Order) (order.ExternalOrder, error) {
	seen := order.ExternalOrder{
		ExternalID: wire.ID, Key: wire.Key, State: stateOf(wire.Status), RawStatus: wire.Status,
		Delivered: wire.Delivered, Message: wire.Message, Reroutable: wire.Reroutable, Results: resultsOf(wire.Results),
	}
	if wire.Charge == nil {
		return seen, nil
	}
	charge, err := moneyOf(*wire.Charge)
	if err != nil {
		return order.ExternalOrder{}, err
	}
	seen.Charge = &charge
	return seen, nil
}

// resultsOf maps what the provider hands over; what kind of thing nobody knows is a text.
func resultsOf(wire []protocol.Result) []order.ExternalResult {
	var results []order.ExternalResult
	for i := range wire {
		kind := order.ResultText
		switch wire[i].Kind {
		case protocol.ResultTracking:
			kind = order.ResultTracking
		case protocol.ResultCode:
			kind = order.ResultCode
		case protocol.ResultFile:
			kind = order.ResultFile
		}
		result := order.ExternalResult{
			ID: wire[i].ID, Kind: kind, Label: wire[i].Label, Value: wire[i].Value, URL: wire[i].URL,
			Carrier: wire[i].Carrier, Secret: wire[i].Secret,
		}
		if clean, ok := result.Clean(); ok {
			results = append(results, clean)
		}
	}
	return results
}

func moneyOf(wire protocol.Money) (order.Money, error) {
	amount, err := decimal.Parse(wire.Amount)
	if err != nil {
		return order.Money{}, fmt.Errorf("amount: %w", err)
	}
	return order.NewMoney(amount, order.Currency(wire.Currency))
}

// stateOf maps the protocol's words; others change nothing.
func stateOf(status string) order.ExternalState {
	switch status {
	case protocol.StatusAccepted:
		return order.ExternalAccepted
	case protocol.StatusInProgress:
		return order.ExternalInProgress
	case protocol.StatusPartial:
		return order.ExternalPartial
	case protocol.StatusFulfilled:
		return order.ExternalFulfilled
	case protocol.StatusRejected:
		return order.ExternalRejected
	case protocol.StatusFailed:
		return order.ExternalFailed
	case protocol.StatusCanceling:
		return order.ExternalCanceling
	case protocol.StatusCanceled:
		return order.ExternalCanceled
	default:
		return order.ExternalOther
	}
}
