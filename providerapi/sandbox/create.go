package sandbox

import (
	"net/http"
	"strconv"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
)

// create takes an order, or meets one of the faults before, while or after it does.
func (c *call) create() {
	key := c.r.Header.Get(protocol.HeaderKey)
	if !protocol.ValidKey(key) {
		c.refuse(http.StatusBadRequest, codeNoKey, "a create needs an Idempotency-Key of 1 to 200 visible ASCII characters")
		return
	}
	body, release, ok := c.read()
	if !ok {
		return
	}
	request, err := protocol.ParseOrderRequest(body)
	release()
	if err != nil {
		c.refuse(http.StatusBadRequest, codeMalformed, err.Error())
		return
	}
	latency := c.draw(c.b.LatencyMS)
	// A provider finishes what it has read, also when the caller has hung up.
	if !pause(c.stopping, nil, latency/2) {
		drop()
	}
	if c.failsBefore(key) {
		return
	}
	offer, ok := c.sells(&request)
	if !ok {
		return
	}
	e := &entry{
		provider: c.p, shard: c.p.shardOf(key), key: key, offerID: offer.ID, currency: offer.UnitPrice.Currency,
		price: offer.price, quantity: request.Quantity, digest: digestOf(&request), created: stamp(),
	}
	e.visible = e.created.Add(milliseconds(c.b.LookupDelayMS))
	placed, order, fresh, same := c.place(e, c.b)
	if !c.settled(placed, fresh) {
		return
	}
	c.reply(placed, order, fresh, same, latency-latency/2)
}

// fault reports whether a create meets a fault, by order or by chance.
func (c *call) fault(name string, chance float64) bool {
	return c.p.takeNext(name) || c.hit(chance)
}

// failsBefore meets the faults that leave nothing behind.
func (c *call) failsBefore(key string) bool {
	switch {
	case c.b.StoredErrors && c.p.storedError(key):
		c.refuse(http.StatusInternalServerError, codeInternal, "this key failed before")
	case c.fault(faultDropBefore, c.b.DropBefore):
		drop()
	case c.fault(faultRateLimit, c.b.RateLimit):
		c.rateLimit()
	case c.fault(faultForbid, c.b.Forbid):
		c.forbid()
	case c.fault(faultErrorBefore, c.b.ErrorBefore):
		c.fail(key)
	case c.fault(faultReject, c.b.Reject):
		c.refusal(http.StatusUnprocessableEntity, protocol.Refusal{
			Code: codeRejected, Message: "the provider can't take this order", Reroutable: c.b.RejectReroutable,
		})
	default:
		return false
	}
	return true
}

// fail answers with a 5xx, which a provider that stores such repeats for ever.
func (c *call) fail(key string) {
	if c.b.StoredErrors {
		if err := c.journal.wait(c.storeError(c.p, key)); err != nil {
			c.broken(err)
			return
		}
	}
	c.refuse(http.StatusInternalServerError, codeInternal, "something went wrong")
}

// broken answers when the ledger can't be kept: nothing may be claimed then.
func (c *call) broken(err error) {
	c.log.Error("the ledger could not be written", "error", err)
	c.refuse(http.StatusInternalServerError, codeInternal, "the provider's books can't be written")
}

// sells finds the offer and checks the order against it, or refuses it.
func (c *call) sells(request *protocol.OrderRequest) (*offer, bool) {
	found, now := c.p.offers[request.OfferID], time.Now()
	var code, message string
	switch {
	case found == nil:
		code, message = codeUnknownOffer, "the provider has no such offer"
	case request.ServiceType != "" && request.ServiceType != found.ServiceType:
		code, message = codeUnknownOffer, "the offer is of another service type"
	case found.AvailableFrom != nil && now.Before(*found.AvailableFrom),
		found.AvailableUntil != nil && !now.Before(*found.AvailableUntil):
		code, message = codeNotAvailable, "the offer is not available now"
	case request.Quantity < found.MinQuantity, found.MaxQuantity > 0 && request.Quantity > found.MaxQuantity:
		code, message = codeQuantity, "the offer is not sold in this quantity"
	case !found.within(request.UnitPrice):
		code, message = codePrice, "a unit costs "+found.UnitPrice.Amount+" "+found.UnitPrice.Currency
	default:
		if _, ok := found.price.times(request.Quantity); ok {
			return found, true
		}
		code, message = codeAmount, "the order's price can't be spelled"
	}
	c.refusal(http.StatusUnprocessableEntity, protocol.Refusal{Code: code, Message: message, Reroutable: true})
	return nil, false
}

// within reports whether a unit costs no more than the buyer expects, who may expect nothing in particular.
func (o *offer) within(expected *protocol.Money) bool {
	if expected == nil {
		return true
	}
	most, err := parseMicros(expected.Amount)
	return err == nil && expected.Currency == o.UnitPrice.Currency && o.price <= most
}

// settled has a new order progress and waits until the ledger is safe from the end of this process.
func (c *call) settled(e *entry, fresh bool) bool {
	e.shard.mu.Lock()
	due, position := e.due, e.position
	e.shard.mu.Unlock()
	if fresh && !due.IsZero() {
		c.clock.push(step{due, e})
	}
	if err := c.journal.wait(position); err != nil {
		c.broken(err)
		return false
	}
	return true
}

// reply tells of the order, or meets the faults that leave it behind.
func (c *call) reply(placed *entry, order protocol.Order, fresh, same bool, latency time.Duration) {
	if c.fault(faultSlow, c.b.Slow.Probability) {
		latency += milliseconds(c.b.Slow.MS)
	}
	if !c.wait(latency) || c.fault(faultDropReply, c.b.DropReply) {
		drop()
	}
	switch {
	case c.fault(faultErrorAfter, c.b.ErrorAfter):
		c.fail(placed.key)
		return
	case c.fault(faultGarbage, c.b.Garbage):
		c.body = append(c.body[:0], "<html>\x00\xff{\"id\": nonsense"...)
		c.send(http.StatusOK, false)
		return
	}
	status := http.StatusCreated
	order.Status = c.word(order.Status)
	switch {
	case c.b.RefuseDuplicates && !fresh:
		status = http.StatusConflict
		refusal := protocol.Refusal{Code: protocol.CodeDuplicate, Message: "an order with this key exists"}
		c.body = refusal.Append(c.body[:0])
	case !same:
		status = http.StatusUnprocessableEntity
		refusal := protocol.Refusal{Code: protocol.CodeKeyReused, Message: "the key was used with another order"}
		c.body = refusal.Append(c.body[:0])
	default:
		if !fresh {
			status = http.StatusOK
		}
		c.body = order.Append(c.body[:0])
	}
	if c.fault(faultTruncate, c.b.Truncate) {
		c.truncate(status)
	}
	c.send(status, c.fault(faultDrip, c.b.Drip))
}

// word is what a status is called.
func (c *call) word(status string) string {
	if c.b.StatusWord != "" {
		return c.b.StatusWord
	}
	return status
}

// truncate breaks off within the answer.
func (c *call) truncate(status int) {
	header := c.w.Header()
	header["Content-Type"] = jsonType
	header.Set("Content-Length", strconv.Itoa(len(c.body)))
	c.w.WriteHeader(status)
	if _, err := c.w.Write(c.body[:len(c.body)/2]); err == nil {
		// What could not be flushed is missing as well.
		_ = http.NewResponseController(c.w).Flush()
	}
	drop()
}
