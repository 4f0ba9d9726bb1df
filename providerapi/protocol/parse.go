package protocol

import (
	"time"

	"github.com/go-faster/jx"
)

// ParseOrder reads an order. It fails with ErrTooLarge or ErrMalformed; members that it does not know are skipped.
func ParseOrder(body []byte) (Order, error) {
	var o Order
	err := message(body, MaxReply, o.member)
	if err == nil {
		err = o.complete()
	}
	if err != nil {
		return Order{}, err
	}
	return o, nil
}

// ParseOrders reads a list of at most 100 orders. It fails like ParseOrder.
func ParseOrders(body []byte) ([]Order, error) {
	var orders []Order
	found := false
	err := message(body, MaxReply, func(d *jx.Decoder, name []byte) error {
		if string(name) != "orders" {
			return d.Skip()
		}
		found = true
		return d.Arr(func(d *jx.Decoder) error {
			if len(orders) == MaxBatch {
				return errElements
			}
			var o Order
			if err := object(d, o.member); err != nil {
				return err
			}
			if err := o.complete(); err != nil {
				return err
			}
			orders = append(orders, o)
			return nil
		})
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, malformed(errMissing)
	default:
		return orders, nil
	}
}

func (o *Order) member(d *jx.Decoder, name []byte) (err error) {
	switch string(name) {
	case "id":
		return identifier(d, &o.ID, ValidID)
	case "key":
		return identifier(d, &o.Key, ValidKey)
	case "status":
		return word(d, &o.Status, MaxWord)
	case "offerId":
		return text(d, &o.OfferID, MaxKey)
	case "quantity":
		return number(d, &o.Quantity, 0, MaxQuantity)
	case "delivered":
		return number(d, &o.Delivered, 0, MaxQuantity)
	case "charge":
		o.Charge, err = money(d)
		return err
	case "message":
		return prose(d, &o.Message)
	case "reroutable":
		return flag(d, &o.Reroutable)
	case "createdAt":
		return known(d, &o.CreatedAt)
	case "updatedAt":
		return known(d, &o.UpdatedAt)
	case "results":
		return o.readResults(d)
	default:
		return d.Skip()
	}
}

func known(d *jx.Decoder, into *time.Time) error {
	var at *time.Time
	if err := moment(d, &at); err != nil {
		return err
	}
	if at != nil {
		*into = *at
	}
	return nil
}

func (o *Order) complete() error {
	if o.ID == "" || o.Key == "" || o.Status == "" {
		return malformed(errMissing)
	}
	return nil
}

// ParseOrderRequest reads a request for an order or a quote. It fails like ParseOrder, also where a member that an
// order needs is missing.
func ParseOrderRequest(body []byte) (OrderRequest, error) {
	var r OrderRequest
	err := message(body, MaxRequest, func(d *jx.Decoder, name []byte) (err error) {
		switch string(name) {
		case "reference":
			return text(d, &r.Reference, MaxText)
		case "offerId":
			return word(d, &r.OfferID, MaxKey)
		case "serviceType":
			return text(d, &r.ServiceType, MaxKey)
		case "quantity":
			return number(d, &r.Quantity, 1, MaxQuantity)
		case "unitPrice":
			r.UnitPrice, err = money(d)
			return err
		case "destination":
			return r.Destination.read(d)
		case "attributes":
			return attributes(d, &r.Attributes)
		case "deadline":
			return moment(d, &r.Deadline)
		default:
			return d.Skip()
		}
	})
	if err == nil && (r.OfferID == "" || r.Quantity == 0) {
		err = malformed(errMissing)
	}
	if err != nil {
		return OrderRequest{}, err
	}
	return r, nil
}

func (dest *Destination) read(d *jx.Decoder) error {
	if absent(d) {
		return nil
	}
	return object(d, func(d *jx.Decoder, name []byte) error {
		switch string(name) {
		case "name":
			return text(d, &dest.Name, MaxText)
		case "countryCode":
			if absent(d) {
				return nil
			}
			return identifier(d, &dest.CountryCode, func(s string) bool { return upper(s, 2) })
		case "attributes":
			return attributes(d, &dest.Attributes)
		default:
			return d.Skip()
		}
	})
}

// ParseRefusal reads what an answer of 400 or more says. It fails like ParseOrder; a body without a code is none of
// the protocol's, whoever sent it.
func ParseRefusal(body []byte) (Refusal, error) {
	var r Refusal
	err := message(body, MaxReply, func(d *jx.Decoder, name []byte) error {
		switch string(name) {
		case "code":
			return word(d, &r.Code, MaxWord)
		case "message":
			return prose(d, &r.Message)
		case "retryable":
			return flag(d, &r.Retryable)
		case "reroutable":
			return flag(d, &r.Reroutable)
		default:
			return d.Skip()
		}
	})
	if err == nil && r.Code == "" {
		err = malformed(errMissing)
	}
	if err != nil {
		return Refusal{}, err
	}
	return r, nil
}

// ParseQuote reads the price of a quote. It fails like ParseOrder.
func ParseQuote(body []byte) (Money, error) { return parseMoney(body, "price") }

// ParseBalance reads what the buyer's account holds. It fails like ParseOrder.
func ParseBalance(body []byte) (Money, error) { return parseMoney(body, "balance") }

func parseMoney(body []byte, member string) (Money, error) {
	var amount *Money
	err := message(body, MaxReply, func(d *jx.Decoder, name []byte) (err error) {
		if string(name) != member {
			return d.Skip()
		}
		amount, err = money(d)
		return err
	})
	switch {
	case err != nil:
		return Money{}, err
	case amount == nil:
		return Money{}, malformed(errMissing)
	default:
		return *amount, nil
	}
}

// ParseWebhook reads a webhook whose signature was verified before. It fails like ParseOrder.
func ParseWebhook(body []byte) (Webhook, error) {
	var w Webhook
	err := message(body, MaxWebhook, func(d *jx.Decoder, name []byte) error {
		switch string(name) {
		case "type":
			return word(d, &w.Type, MaxWord)
		case "orderIds":
			return identifiers(d, &w.OrderIDs, ValidID)
		case "keys":
			return identifiers(d, &w.Keys, ValidKey)
		default:
			return d.Skip()
		}
	})
	if err == nil && w.Type == "" {
		err = malformed(errMissing)
	}
	if err != nil {
		return Webhook{}, err
	}
	return w, nil
}
