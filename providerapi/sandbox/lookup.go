package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/boostress/boostress/providerapi/protocol"
)

// pageOffers is how many offers a page has.
const pageOffers = 100

// seen returns the order as lookups see it, once it is safe from the end of this process. It reports false for one
// that is still hidden.
func (c *call) seen(e *entry) (protocol.Order, bool, error) {
	if e == nil || stamp().Before(e.visible) {
		return protocol.Order{}, false, nil
	}
	e.shard.mu.Lock()
	order, position := e.wire(), e.position
	e.shard.mu.Unlock()
	order.Status = c.word(order.Status)
	return order, true, c.journal.wait(position)
}

func (c *call) get() {
	if !c.ready() {
		return
	}
	order, found, err := c.seen(c.ledger.find(c.p, c.r.PathValue("id")))
	switch {
	case err != nil:
		c.broken(err)
	case !found:
		c.refuse(http.StatusNotFound, protocol.CodeNotFound, "no such order")
	default:
		c.order(http.StatusOK, order)
	}
}

// list answers with orders by their ids or by their key; what is not there is left out.
func (c *call) list() {
	if !c.ready() {
		return
	}
	query := c.r.URL.Query()
	ids, key := query.Get("ids"), query.Get("key")
	var entries []*entry
	switch {
	case (ids == "") == (key == ""):
		c.refuse(http.StatusBadRequest, codeMalformed, "name either ids or a key")
		return
	case key != "":
		entries = c.withKey(key)
	default:
		wanted := strings.Split(ids, ",")
		if len(wanted) > protocol.MaxBatch {
			c.refuse(http.StatusBadRequest, codeMalformed, "at most 100 ids")
			return
		}
		for _, id := range wanted {
			entries = append(entries, c.ledger.find(c.p, id))
		}
	}
	orders := make([]protocol.Order, 0, len(entries))
	for _, e := range entries {
		order, found, err := c.seen(e)
		if err != nil {
			c.broken(err)
			return
		}
		if found {
			orders = append(orders, order)
		}
	}
	c.body = protocol.AppendOrders(c.body[:0], orders)
	c.send(http.StatusOK, c.hit(c.b.Drip))
}

// withKey returns the first hundred orders with the key.
func (c *call) withKey(key string) []*entry {
	sh := c.p.shardOf(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var found []*entry
	for e := sh.keys[key]; e != nil && len(found) < protocol.MaxBatch; e = e.next {
		found = append(found, e)
	}
	return found
}

// cancel cancels what has not ended. It reads no body.
func (c *call) cancel() {
	if !c.ready() {
		return
	}
	e := c.ledger.find(c.p, c.r.PathValue("id"))
	if e == nil {
		c.refuse(http.StatusNotFound, protocol.CodeNotFound, "no such order")
		return
	}
	order, code := c.stop(e)
	if code == protocol.CodeCanceled {
		c.order(http.StatusOK, order)
		return
	}
	if code != "" {
		c.refuse(http.StatusConflict, code, "the order is "+order.Status)
		return
	}
	if !c.settled(e, order.Status == protocol.StatusCanceling) {
		return
	}
	c.p.hooks.changed(e)
	c.p.hooks.wake()
	c.order(http.StatusOK, order)
}

// stop cancels the order, at once or after a while, or says by which code it can't be.
func (c *call) stop(e *entry) (order protocol.Order, code string) {
	e.shard.mu.Lock()
	defer e.shard.mu.Unlock()
	open := slices.Contains([]string{protocol.StatusAccepted, protocol.StatusInProgress, protocol.StatusPartial}, e.status)
	switch {
	case e.status == protocol.StatusCanceled, e.status == protocol.StatusCanceling:
		return e.wire(), protocol.CodeCanceled // which is no refusal here: it is as was asked
	case !open || c.b.RefuseCancel:
		return e.wire(), protocol.CodeNotCancelable
	}
	now := stamp()
	e.updated = now
	if span := c.draw(c.b.CancelMS); span > 0 || c.b.RefuseCancelLate {
		e.status, e.due = protocol.StatusCanceling, now.Add(span)
	} else {
		e.cancel(c.b)
	}
	e.position = c.journal.order(e)
	return e.wire(), ""
}

func (c *call) offers() {
	if !c.ready() {
		return
	}
	start := 0
	if cursor := c.r.URL.Query().Get("cursor"); cursor != "" {
		var err error
		if start, err = strconv.Atoi(cursor); err != nil || start < 0 || start > len(c.p.catalog) {
			c.refuse(http.StatusBadRequest, codeMalformed, "no such cursor")
			return
		}
	}
	end, next := min(start+pageOffers, len(c.p.catalog)), ""
	if end < len(c.p.catalog) {
		next = strconv.Itoa(end)
	}
	c.body = protocol.AppendOffers(c.body[:0], c.p.catalog[start:end], next)
	c.send(http.StatusOK, c.hit(c.b.Drip))
}

// quote tells what an order would cost in all, without the drift that its charge may have.
func (c *call) quote() {
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
	if !c.ready() {
		return
	}
	found, ok := c.sells(&request)
	if !ok {
		return
	}
	total, _ := found.price.times(request.Quantity)
	c.body = protocol.AppendQuote(c.body[:0], protocol.Money{Amount: total.String(), Currency: found.UnitPrice.Currency})
	c.send(http.StatusOK, c.hit(c.b.Drip))
}

func (c *call) ping() {
	if !c.ready() {
		return
	}
	c.body = append(c.body[:0], `{"status":"ok"}`...)
	c.send(http.StatusOK, c.hit(c.b.Drip))
}

func (c *call) balance() {
	if !c.ready() {
		return
	}
	if c.b.Balance == "" {
		c.refuse(http.StatusNotImplemented, protocol.CodeUnsupported, "this provider tells no balance")
		return
	}
	c.body = protocol.AppendBalance(c.body[:0], protocol.Money{Amount: c.b.Balance, Currency: c.p.currency()})
	c.send(http.StatusOK, c.hit(c.b.Drip))
}
