package sandbox

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-faster/jx"

	"github.com/boostress/boostress/providerapi/protocol"
)

// Lines of the journal: an order as it became, a failure stored for a key, or what an admin set for a provider.
const (
	recordOrder    = "order"
	recordError    = "error"
	recordSettings = "settings"
)

// maxGap is how many sequence numbers may be missing in a row: those that were given out and not yet written.
const maxGap = 1 << 16

var errRecord = errors.New("not a record of this version")

// record is a line of the journal.
type record struct {
	kind, slug string

	// An order.
	seq          int
	digest       digest
	price        micros
	currency     string
	visible, due time.Time
	order        json.RawMessage

	// A stored failure.
	key string

	// Settings; nil where they are as configured.
	behavior   json.RawMessage
	webhookURL *string
}

// appendRecord writes the order's line after buf. The shard must be held.
func (e *entry) appendRecord(buf []byte) []byte {
	var w jx.Encoder
	w.SetBytes(buf)
	begin(&w, recordOrder, e.provider.slug)
	w.FieldStart("seq")
	w.Int(e.seq)
	var room [2 * len(e.digest)]byte
	hex.Encode(room[:], e.digest[:])
	w.FieldStart("digest")
	w.ByteStr(room[:])
	w.FieldStart("price")
	w.Int64(int64(e.price))
	w.FieldStart("currency")
	w.Str(e.currency)
	if !e.visible.Equal(e.created) {
		w.FieldStart("visible")
		w.Int64(e.visible.UnixMicro())
	}
	if !e.due.IsZero() {
		w.FieldStart("due")
		w.Int64(e.due.UnixMicro())
	}
	w.FieldStart("order")
	// The codec of the protocol begins an object of its own, which is what may stand here.
	order := e.wire()
	buf = order.Append(w.Bytes())
	return append(buf, "}\n"...)
}

func begin(w *jx.Encoder, kind, slug string) {
	w.ObjStart()
	w.FieldStart("record")
	w.Str(kind)
	w.FieldStart("slug")
	w.Str(slug)
}

func appendError(buf []byte, slug, key string) []byte {
	var w jx.Encoder
	w.SetBytes(buf)
	begin(&w, recordError, slug)
	w.FieldStart("key")
	w.Str(key)
	w.ObjEnd()
	return append(w.Bytes(), '\n')
}

// appendSettings writes what an admin set, but for the counters.
func appendSettings(buf []byte, slug string, set settings) ([]byte, error) {
	var w jx.Encoder
	w.SetBytes(buf)
	begin(&w, recordSettings, slug)
	if set.behavior != nil {
		kept := *set.behavior
		kept.Next = nil
		behavior, err := json.Marshal(kept)
		if err != nil {
			return nil, fmt.Errorf("write behavior: %w", err)
		}
		w.FieldStart("behavior")
		w.Raw(behavior)
	}
	if set.webhookURL != nil {
		w.FieldStart("webhookUrl")
		w.Str(*set.webhookURL)
	}
	w.ObjEnd()
	return append(w.Bytes(), '\n'), nil
}

func parseRecord(line []byte) (record, error) {
	var r record
	err := jx.DecodeBytes(line).ObjBytes(func(d *jx.Decoder, name []byte) (err error) {
		switch string(name) {
		case "record":
			r.kind, err = d.Str()
		case "slug":
			r.slug, err = d.Str()
		case "key":
			r.key, err = d.Str()
		case "behavior":
			r.behavior, err = raw(d)
		case "webhookUrl":
			var url string
			url, err = d.Str()
			r.webhookURL = &url
		default:
			return r.member(d, name)
		}
		return err
	})
	return r, err
}

// member reads what an order's line has.
func (r *record) member(d *jx.Decoder, name []byte) (err error) {
	switch string(name) {
	case "seq":
		r.seq, err = d.Int()
	case "digest":
		var text []byte
		text, err = d.StrBytes()
		if err == nil && len(text) == 2*len(r.digest) {
			_, err = hex.Decode(r.digest[:], text)
		}
	case "price":
		var price int64
		price, err = d.Int64()
		r.price = micros(price)
	case "currency":
		r.currency, err = d.Str()
	case "visible":
		r.visible, err = instant(d)
	case "due":
		r.due, err = instant(d)
	case "order":
		var order jx.Raw
		order, err = d.Raw()
		r.order = json.RawMessage(order)
	default:
		err = d.Skip()
	}
	return err
}

func raw(d *jx.Decoder) (json.RawMessage, error) {
	value, err := d.Raw()
	return append(json.RawMessage(nil), value...), err
}

func instant(d *jx.Decoder) (time.Time, error) {
	at, err := d.Int64()
	return time.UnixMicro(at).UTC(), err
}

// entry makes the order that the record tells of.
func (r *record) entry(p *provider) (*entry, error) {
	order, err := protocol.ParseOrder(r.order)
	if err != nil {
		return nil, err
	}
	if r.seq < 1 || r.price < 0 || order.CreatedAt.IsZero() {
		return nil, errRecord
	}
	e := &entry{
		provider: p, shard: p.shardOf(order.Key), seq: r.seq, id: order.ID, key: order.Key, offerID: order.OfferID,
		currency: r.currency, price: r.price, quantity: order.Quantity, digest: r.digest, created: order.CreatedAt,
		visible: r.visible,
		status:  order.Status, delivered: order.Delivered, charge: unknown, message: order.Message,
		reroutable: order.Reroutable, results: order.Results, updated: order.UpdatedAt, due: r.due,
	}
	if e.visible.IsZero() {
		e.visible = e.created
	}
	if order.Charge != nil {
		if e.charge, err = parseMicros(order.Charge.Amount); err != nil {
			return nil, fmt.Errorf("charge: %w", err)
		}
	}
	return e, nil
}
