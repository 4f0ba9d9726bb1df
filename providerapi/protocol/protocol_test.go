package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func fullOrder() protocol.Order {
	return protocol.Order{
		ID: "ord_1", Key: "k:1", Status: protocol.StatusPartial, OfferID: "poster-a3", Quantity: 3, Delivered: 1,
		Charge:  &protocol.Money{Amount: "14.700001", Currency: "EUR"},
		Message: "half \"done\" \u2013 soon", Reroutable: true, CreatedAt: noon, UpdatedAt: noon.Add(time.Second),
		Results: []protocol.Result{
			{ID: "parcel 1", Kind: protocol.ResultTracking, Label: "Parcel", Value: "SX1", URL: "https://track.example/SX1", Carrier: "Express"},
			{ID: "c", Kind: "song", Value: "la \"la\"\n", Secret: true},
		},
	}
}

func TestOrderSurvivesTheWire(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]protocol.Order{
		"full":    fullOrder(),
		"minimal": {ID: "1", Key: "k", Status: "engraving"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			body := want.Append(nil)
			if !json.Valid(body) {
				t.Fatalf("not JSON: %s", body)
			}
			got, err := protocol.ParseOrder(body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrdersSurviveTheWire(t *testing.T) {
	t.Parallel()

	want := []protocol.Order{fullOrder(), {ID: "2", Key: "k2", Status: protocol.StatusAccepted, Quantity: 1}}
	got, err := protocol.ParseOrders(protocol.AppendOrders([]byte{}, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	none, err := protocol.ParseOrders(protocol.AppendOrders(nil, nil))
	if err != nil || len(none) != 0 {
		t.Errorf("no orders: got %v, %v", none, err)
	}
}

func TestOrderRequestSurvivesTheWire(t *testing.T) {
	t.Parallel()

	want := protocol.OrderRequest{
		Reference: "A-1001", OfferID: "poster-a3", ServiceType: "poster-a3", Quantity: 2,
		UnitPrice: &protocol.Money{Amount: "4.90", Currency: "EUR"},
		Destination: protocol.Destination{
			Name: "Ada", CountryCode: "GB", Attributes: json.RawMessage(`{"email": "ada@example.com", "floor": [1, {"x": null}]}`),
		},
		Attributes: json.RawMessage(`{"file":"https://example.com/a.pdf"}`), Deadline: &noon,
	}
	got, err := protocol.ParseOrderRequest(want.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOffersSurviveTheWire(t *testing.T) {
	t.Parallel()

	later := noon.Add(time.Hour)
	want := []protocol.Offer{
		{
			ID: "poster-a3", Name: "Poster A3", Category: "prints", ServiceType: "poster-a3",
			UnitPrice: protocol.Money{Amount: "4.90", Currency: "EUR"}, MinQuantity: 1, MaxQuantity: 500,
			AvailableFrom: &noon, AvailableUntil: &later, SLA: 48 * time.Hour,
		},
		{
			ID: "o2", Category: "parcels", ServiceType: "label",
			UnitPrice: protocol.Money{Amount: "0.000001", Currency: "USD"}, MinQuantity: 1,
		},
	}
	got, next, err := protocol.ParseOffers(protocol.AppendOffers(nil, want, "page2"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || next != "page2" {
		t.Error(diff, next)
	}
}

func TestSmallMessagesSurviveTheWire(t *testing.T) {
	t.Parallel()

	refusal := protocol.Refusal{Code: "sold_out", Message: "no paper", Retryable: true, Reroutable: true}
	if got, err := protocol.ParseRefusal(refusal.Append(nil)); err != nil || got != refusal {
		t.Errorf("refusal: got %+v, %v", got, err)
	}
	price := protocol.Money{Amount: "9.80", Currency: "EUR"}
	if got, err := protocol.ParseQuote(protocol.AppendQuote(nil, price)); err != nil || got != price {
		t.Errorf("quote: got %+v, %v", got, err)
	}
	webhook := protocol.Webhook{Type: protocol.TypeOrdersChanged, OrderIDs: []string{"a", "b"}, Keys: []string{"k1", "k2"}}
	got, err := protocol.ParseWebhook(webhook.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(webhook, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownMembersAndWordsAreNoFault(t *testing.T) {
	t.Parallel()

	got, err := protocol.ParseOrder([]byte(` {"status":"at_the_bindery","extra":{"deep":[1,2,{"id":"x"}]},"id":"o1",` +
		`"key":"k","charge":null,"message":null,"delivered":null} `))
	if err != nil {
		t.Fatal(err)
	}
	want := protocol.Order{ID: "o1", Key: "k", Status: "at_the_bindery"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// results writes a number of results.
func results(count int) string {
	list := make([]string, count)
	for i := range list {
		list[i] = fmt.Sprintf(`{"id":"%d","kind":"text","value":"v"}`, i)
	}
	return strings.Join(list, ",")
}

// long writes a result of which one member is so many bytes long.
func long(member string, length int) string {
	return fmt.Sprintf(`{"id":"a","kind":"text",%q:%q}`, member, strings.Repeat("x", length))
}

func TestResultsUpToTheBound(t *testing.T) {
	t.Parallel()

	got, err := protocol.ParseOrder([]byte(`{"id":"o1","key":"k","status":"s","results":[` + results(protocol.MaxResults) + `]}`))
	if err != nil || len(got.Results) != protocol.MaxResults {
		t.Errorf("%d results, %v", len(got.Results), err)
	}
	none, err := protocol.ParseOrder([]byte(`{"id":"o1","key":"k","status":"s","results":null}`))
	if err != nil || none.Results != nil {
		t.Errorf("none: %v, %v", none.Results, err)
	}
}

func TestParseOrderRefuses(t *testing.T) {
	t.Parallel()

	const rest = `"key":"k","status":"accepted"}`
	tests := map[string]struct {
		body string
		want error
	}{
		"nothing":              {"", protocol.ErrMalformed},
		"null":                 {"null", protocol.ErrMalformed},
		"an array":             {"[]", protocol.ErrMalformed},
		"HTML":                 {"<html>", protocol.ErrMalformed},
		"truncated":            {`{"id":"o1",` + rest[:10], protocol.ErrMalformed},
		"trailing data":        {`{"id":"o1",` + rest + `{}`, protocol.ErrMalformed},
		"no id":                {`{` + rest, protocol.ErrMalformed},
		"empty id":             {`{"id":"",` + rest, protocol.ErrMalformed},
		"id that climbs":       {`{"id":"..",` + rest, protocol.ErrMalformed},
		"id with a slash":      {`{"id":"a/b",` + rest, protocol.ErrMalformed},
		"id with a comma":      {`{"id":"a,b",` + rest, protocol.ErrMalformed},
		"id of another type":   {`{"id":1,` + rest, protocol.ErrMalformed},
		"id given twice":       {`{"id":"a","id":"b",` + rest, protocol.ErrMalformed},
		"unknown given twice":  {`{"x":1,"x":2,"id":"a",` + rest, protocol.ErrMalformed},
		"other case":           {`{"ID":"o1",` + rest, protocol.ErrMalformed},
		"no status":            {`{"id":"o1","key":"k"}`, protocol.ErrMalformed},
		"no key":               {`{"id":"o1","status":"accepted"}`, protocol.ErrMalformed},
		"key with a line feed": {`{"id":"o1","key":"a\nb","status":"accepted"}`, protocol.ErrMalformed},
		"charge as a number":   {`{"id":"o1","charge":{"amount":1.5,"currency":"EUR"},` + rest, protocol.ErrMalformed},
		"charge below zero":    {`{"id":"o1","charge":{"amount":"-1","currency":"EUR"},` + rest, protocol.ErrMalformed},
		"charge too precise":   {`{"id":"o1","charge":{"amount":"1.0000001","currency":"EUR"},` + rest, protocol.ErrMalformed},
		"charge with exponent": {`{"id":"o1","charge":{"amount":"1e3","currency":"EUR"},` + rest, protocol.ErrMalformed},
		"charge ends in point": {`{"id":"o1","charge":{"amount":"1.","currency":"EUR"},` + rest, protocol.ErrMalformed},
		"charge in lower case": {`{"id":"o1","charge":{"amount":"1","currency":"eur"},` + rest, protocol.ErrMalformed},
		"charge of nothing":    {`{"id":"o1","charge":{"amount":"1"},` + rest, protocol.ErrMalformed},
		"delivered below zero": {`{"id":"o1","delivered":-1,` + rest, protocol.ErrMalformed},
		"delivered a fraction": {`{"id":"o1","delivered":1.5,` + rest, protocol.ErrMalformed},
		"delivered too much":   {`{"id":"o1","delivered":99999999999,` + rest, protocol.ErrMalformed},
		"21 results":           {`{"id":"o1","results":[` + results(protocol.MaxResults+1) + `],` + rest, protocol.ErrMalformed},
		"result given twice":   {`{"id":"o1","results":[{"id":"a","kind":"text"},{"id":"a","kind":"text"}],` + rest, protocol.ErrMalformed},
		"result without id":    {`{"id":"o1","results":[{"kind":"text"}],` + rest, protocol.ErrMalformed},
		"result of no kind":    {`{"id":"o1","results":[{"id":"a"}],` + rest, protocol.ErrMalformed},
		"result as a text":     {`{"id":"o1","results":["a"],` + rest, protocol.ErrMalformed},
		"secret as a text":     {`{"id":"o1","results":[{"id":"a","kind":"code","secret":"no"}],` + rest, protocol.ErrMalformed},
		"result too long":      {`{"id":"o1","results":[` + long("value", protocol.MaxValue+1) + `],` + rest, protocol.ErrMalformed},
		"label too long":       {`{"id":"o1","results":[` + long("label", protocol.MaxLabel+1) + `],` + rest, protocol.ErrMalformed},
		"time that is none":    {`{"id":"o1","createdAt":"yesterday",` + rest, protocol.ErrMalformed},
		"not UTF-8":            {"{\"id\":\"o1\",\"message\":\"\xff\"," + rest, protocol.ErrMalformed},
		"nested too deeply":    {`{"x":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `,"id":"o1",` + rest, protocol.ErrMalformed},
		"too many members":     {`{` + members(100) + rest, protocol.ErrMalformed},
		"too large":            {`{"x":"` + strings.Repeat("x", protocol.MaxReply) + `","id":"o1",` + rest, protocol.ErrTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, err := protocol.ParseOrder([]byte(tt.body))
			if !errors.Is(err, tt.want) {
				t.Errorf("got %+v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func members(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(`"m` + string(rune('a'+i%26)) + string(rune('a'+i/26)) + `":1,`)
	}
	return text.String()
}

func TestOtherParsersRefuse(t *testing.T) {
	t.Parallel()

	orders := func(body string) error { _, err := protocol.ParseOrders([]byte(body)); return err }
	request := func(body string) error { _, err := protocol.ParseOrderRequest([]byte(body)); return err }
	refusal := func(body string) error { _, err := protocol.ParseRefusal([]byte(body)); return err }
	quote := func(body string) error { _, err := protocol.ParseQuote([]byte(body)); return err }
	webhook := func(body string) error { _, err := protocol.ParseWebhook([]byte(body)); return err }
	offers := func(body string) error { _, _, err := protocol.ParseOffers([]byte(body)); return err }
	many := strings.Repeat(`"a",`, protocol.MaxBatch) + `"a"`
	tests := map[string]struct {
		parse func(string) error
		body  string
	}{
		"orders missing":        {orders, `{}`},
		"orders null":           {orders, `{"orders":null}`},
		"order without id":      {orders, `{"orders":[{}]}`},
		"request without offer": {request, `{"quantity":1}`},
		"request for nothing":   {request, `{"offerId":"a"}`},
		"request for zero":      {request, `{"offerId":"a","quantity":0}`},
		"request attributes":    {request, `{"offerId":"a","quantity":1,"attributes":[]}`},
		"request to a country":  {request, `{"offerId":"a","quantity":1,"destination":{"countryCode":"gb"}}`},
		"refusal without code":  {refusal, `{"message":"no"}`},
		"quote without price":   {quote, `{}`},
		"quote null":            {quote, `{"price":null}`},
		"webhook without type":  {webhook, `{"keys":["k"]}`},
		"webhook of too many":   {webhook, `{"type":"t","orderIds":[` + many + `]}`},
		"webhook with odd ids":  {webhook, `{"type":"t","orderIds":["../x"]}`},
		"offers missing":        {offers, `{"offer":[]}`},
		"offer without price":   {offers, `{"offers":[{"id":"a","category":"c","serviceType":"s"}]}`},
		"offer with bad minima": {offers, `{"offers":[{"id":"a","minQuantity":0}]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if err := tt.parse(tt.body); !errors.Is(err, protocol.ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()

	order := fullOrder()
	order.Message = strings.Repeat("é", protocol.MaxText)
	got, err := protocol.ParseOrder(order.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("é", protocol.MaxText/2); got.Message != want {
		t.Errorf("got %d bytes, want %d", len(got.Message), len(want))
	}
}
