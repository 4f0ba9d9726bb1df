package protocol

import (
	"encoding/json"
	"time"

	"github.com/go-faster/jx"
)

// Append writes the request as JSON after buf. Its attributes must be valid JSON.
func (r *OrderRequest) Append(buf []byte) []byte {
	e := encoder(buf)
	e.ObjStart()
	textField(&e, "reference", r.Reference)
	e.FieldStart("offerId")
	e.Str(r.OfferID)
	textField(&e, "serviceType", r.ServiceType)
	e.FieldStart("quantity")
	e.Int(r.Quantity)
	moneyField(&e, "unitPrice", r.UnitPrice)
	e.FieldStart("destination")
	e.ObjStart()
	textField(&e, "name", r.Destination.Name)
	textField(&e, "countryCode", r.Destination.CountryCode)
	rawField(&e, "attributes", r.Destination.Attributes)
	e.ObjEnd()
	rawField(&e, "attributes", r.Attributes)
	timeField(&e, "deadline", r.Deadline)
	e.ObjEnd()
	return e.Bytes()
}

// Append writes the order as JSON after buf.
func (o *Order) Append(buf []byte) []byte {
	e := encoder(buf)
	o.write(&e)
	return e.Bytes()
}

// AppendOrders writes a list of orders as JSON after buf.
func AppendOrders(buf []byte, orders []Order) []byte {
	e := encoder(buf)
	e.ObjStart()
	e.FieldStart("orders")
	e.ArrStart()
	for i := range orders {
		orders[i].write(&e)
	}
	e.ArrEnd()
	e.ObjEnd()
	return e.Bytes()
}

func (o *Order) write(e *jx.Encoder) {
	e.ObjStart()
	e.FieldStart("id")
	e.Str(o.ID)
	e.FieldStart("key")
	e.Str(o.Key)
	e.FieldStart("status")
	e.Str(o.Status)
	textField(e, "offerId", o.OfferID)
	e.FieldStart("quantity")
	e.Int(o.Quantity)
	e.FieldStart("delivered")
	e.Int(o.Delivered)
	moneyField(e, "charge", o.Charge)
	textField(e, "message", o.Message)
	flagField(e, "reroutable", o.Reroutable)
	if !o.CreatedAt.IsZero() {
		timeField(e, "createdAt", &o.CreatedAt)
	}
	if !o.UpdatedAt.IsZero() {
		timeField(e, "updatedAt", &o.UpdatedAt)
	}
	writeResults(e, o.Results)
	e.ObjEnd()
}

// AppendOffers writes a page of offers as JSON after buf.
func AppendOffers(buf []byte, offers []Offer, next string) []byte {
	e := encoder(buf)
	e.ObjStart()
	e.FieldStart("offers")
	e.ArrStart()
	for i := range offers {
		offers[i].write(&e)
	}
	e.ArrEnd()
	textField(&e, "nextCursor", next)
	e.ObjEnd()
	return e.Bytes()
}

func (o *Offer) write(e *jx.Encoder) {
	e.ObjStart()
	e.FieldStart("id")
	e.Str(o.ID)
	textField(e, "name", o.Name)
	e.FieldStart("category")
	e.Str(o.Category)
	e.FieldStart("serviceType")
	e.Str(o.ServiceType)
	moneyField(e, "unitPrice", &o.UnitPrice)
	e.FieldStart("minQuantity")
	e.Int(o.MinQuantity)
	if o.MaxQuantity > 0 {
		e.FieldStart("maxQuantity")
		e.Int(o.MaxQuantity)
	}
	timeField(e, "availableFrom", o.AvailableFrom)
	timeField(e, "availableUntil", o.AvailableUntil)
	if o.SLA > 0 {
		e.FieldStart("slaSeconds")
		e.Int(int(o.SLA / time.Second))
	}
	e.ObjEnd()
}

// Append writes the refusal as JSON after buf.
func (r *Refusal) Append(buf []byte) []byte {
	e := encoder(buf)
	e.ObjStart()
	e.FieldStart("code")
	e.Str(r.Code)
	e.FieldStart("message")
	e.Str(r.Message)
	flagField(&e, "retryable", r.Retryable)
	flagField(&e, "reroutable", r.Reroutable)
	e.ObjEnd()
	return e.Bytes()
}

// AppendQuote writes a quote's price as JSON after buf.
func AppendQuote(buf []byte, price Money) []byte { return appendMoney(buf, "price", price) }

// AppendBalance writes what the buyer's account holds as JSON after buf.
func AppendBalance(buf []byte, balance Money) []byte { return appendMoney(buf, "balance", balance) }

func appendMoney(buf []byte, member string, amount Money) []byte {
	e := encoder(buf)
	e.ObjStart()
	moneyField(&e, member, &amount)
	e.ObjEnd()
	return e.Bytes()
}

// Append writes the webhook as JSON after buf.
func (w *Webhook) Append(buf []byte) []byte {
	e := encoder(buf)
	e.ObjStart()
	e.FieldStart("type")
	e.Str(w.Type)
	listField(&e, "orderIds", w.OrderIDs)
	listField(&e, "keys", w.Keys)
	e.ObjEnd()
	return e.Bytes()
}

func encoder(buf []byte) jx.Encoder {
	var e jx.Encoder
	e.SetBytes(buf)
	return e
}

func textField(e *jx.Encoder, name, value string) {
	if value != "" {
		e.FieldStart(name)
		e.Str(value)
	}
}

func flagField(e *jx.Encoder, name string, value bool) {
	if value {
		e.FieldStart(name)
		e.Bool(value)
	}
}

func rawField(e *jx.Encoder, name string, value json.RawMessage) {
	if len(value) > 0 {
		e.FieldStart(name)
		e.Raw(value)
	}
}

func listField(e *jx.Encoder, name string, values []string) {
	if len(values) == 0 {
		return
	}
	e.FieldStart(name)
	e.ArrStart()
	for _, value := range values {
		e.Str(value)
	}
	e.ArrEnd()
}

func moneyField(e *jx.Encoder, name string, value *Money) {
	if value == nil {
		return
	}
	e.FieldStart(name)
	e.ObjStart()
	e.FieldStart("amount")
	e.Str(value.Amount)
	e.FieldStart("currency")
	e.Str(value.Currency)
	e.ObjEnd()
}

func timeField(e *jx.Encoder, name string, at *time.Time) {
	if at == nil {
		return
	}
	var room [40]byte
	e.FieldStart(name)
	e.ByteStr(at.UTC().AppendFormat(room[:0], time.RFC3339Nano))
}
