package protocol_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
)

// Whatever is read must be JSON by the standard library's measure as well, and must survive being written and read
// again.
func FuzzParseOrder(f *testing.F) {
	order := fullOrder()
	f.Add(order.Append(nil))
	f.Add([]byte(`{"id":"o1","key":"k","status":"\u0061ccepted","x":[{"a":1e9}],"charge":null}`))
	f.Add([]byte(`{"id":"o1","key":"k","status":"s","results":[{"id":"r","kind":"code","value":"v","secret":true,"x":[]},{"id":"s","kind":"f"}]}`))
	f.Add([]byte(`{"id":"o1","key":"k","status":"s","createdAt":"2026-11-24T12:00:00.000000001+01:00"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := protocol.ParseOrder(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("read what is no JSON: %q", body)
		}
		if !protocol.ValidID(got.ID) || !protocol.ValidKey(got.Key) || got.Status == "" || got.Delivered < 0 {
			t.Fatalf("read %+v", got)
		}
		again, err := protocol.ParseOrder(got.Append(nil))
		if err != nil {
			t.Fatalf("%+v: %v", got, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseOrders(f *testing.F) {
	f.Add(protocol.AppendOrders(nil, []protocol.Order{fullOrder(), fullOrder()}))
	f.Add([]byte(`{"orders":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := protocol.ParseOrders(body)
		if err != nil {
			return
		}
		if !json.Valid(body) || len(got) > protocol.MaxBatch {
			t.Fatalf("read %d orders of %q", len(got), body)
		}
		again, err := protocol.ParseOrders(protocol.AppendOrders(nil, got))
		if err != nil {
			t.Fatalf("%+v: %v", got, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseOrderRequest(f *testing.F) {
	request := protocol.OrderRequest{
		Reference: "A-1", OfferID: "poster-a3", Quantity: 2, UnitPrice: &protocol.Money{Amount: "1", Currency: "EUR"},
		Destination: protocol.Destination{Name: "Ada", CountryCode: "GB", Attributes: json.RawMessage(`{"a":[1,2]}`)},
		Attributes:  json.RawMessage(`{}`), Deadline: &noon,
	}
	f.Add(request.Append(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := protocol.ParseOrderRequest(body)
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("read what is no JSON: %q", body)
		}
		again, err := protocol.ParseOrderRequest(got.Append(nil))
		if err != nil {
			t.Fatalf("%+v: %v", got, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParseOther(f *testing.F) {
	refusal := protocol.Refusal{Code: "c", Message: "m", Retryable: true, Reroutable: true}
	webhook := protocol.Webhook{Type: "t", OrderIDs: []string{"a"}, Keys: []string{"k"}}
	offer := protocol.Offer{
		ID: "o", Category: "c", ServiceType: "s", UnitPrice: protocol.Money{Amount: "1.5", Currency: "EUR"},
		MinQuantity: 1, MaxQuantity: 9, AvailableFrom: &noon, SLA: time.Hour,
	}
	f.Add(refusal.Append(nil))
	f.Add(webhook.Append(nil))
	f.Add(protocol.AppendQuote(nil, offer.UnitPrice))
	f.Add(protocol.AppendOffers(nil, []protocol.Offer{offer}, "next"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, err := protocol.ParseRefusal(body); err == nil {
			again, err := protocol.ParseRefusal(got.Append(nil))
			if err != nil || got != again {
				t.Fatalf("refusal %+v became %+v, %v", got, again, err)
			}
		}
		if got, err := protocol.ParseWebhook(body); err == nil {
			again, err := protocol.ParseWebhook(got.Append(nil))
			if err != nil || len(got.OrderIDs) != len(again.OrderIDs) || len(got.Keys) != len(again.Keys) {
				t.Fatalf("webhook %+v became %+v, %v", got, again, err)
			}
		}
		if got, err := protocol.ParseQuote(body); err == nil && !protocol.ValidAmount(got.Amount) {
			t.Fatalf("quote %+v", got)
		}
		if got, next, err := protocol.ParseOffers(body); err == nil {
			again, nextAgain, err := protocol.ParseOffers(protocol.AppendOffers(nil, got, next))
			if diff := cmp.Diff(got, again); err != nil || diff != "" || next != nextAgain {
				t.Fatal(err, diff)
			}
		}
	})
}

// Nothing but the headers and body that were signed may pass.
func FuzzVerify(f *testing.F) {
	ours := secret(f, "a")
	body := []byte(`{"type":"orders.changed"}`)
	good := http.Header{}
	protocol.Sign(good, ours, "msg_1", noon, body)
	id, stamp, signature := good.Get(protocol.HeaderWebhookID), good.Get(protocol.HeaderWebhookTimestamp),
		good.Get(protocol.HeaderWebhookSignature)
	f.Add(id, stamp, signature, body)
	f.Add("msg", "1.1795694400", signature, body)
	f.Add(id, stamp, "v1,AA== "+signature, body)
	f.Fuzz(func(t *testing.T, fuzzID, fuzzStamp, fuzzSignature string, fuzzBody []byte) {
		header := http.Header{
			protocol.HeaderWebhookID: {fuzzID}, protocol.HeaderWebhookTimestamp: {fuzzStamp},
			protocol.HeaderWebhookSignature: {fuzzSignature},
		}
		if _, err := protocol.Verify(header, ours, noon, fuzzBody); err != nil {
			return
		}
		if fuzzID != id || fuzzStamp != stamp || !bytes.Equal(fuzzBody, body) {
			t.Fatalf("a forgery passed: %q %q %q %q", fuzzID, fuzzStamp, fuzzSignature, fuzzBody)
		}
	})
}
