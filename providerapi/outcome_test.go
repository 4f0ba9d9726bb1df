package providerapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

func TestOutcomeOf(t *testing.T) {
	t.Parallel()

	placed := order.ExternalOrder{ExternalID: "o1", State: order.ExternalAccepted, Message: "for ada@example.com"}
	tests := map[string]struct {
		placed order.ExternalOrder
		err    error
		want   order.Outcome
	}{
		"accepted": {placed, nil, order.Outcome{Class: order.ClassAccepted, Order: &placed, Message: "for [email]"}},
		"rejected": {
			order.ExternalOrder{},
			&providerapi.Error{Class: order.ClassRejected, Status: 422, Code: "sold_out", Message: "no paper", Reroutable: true},
			order.Outcome{Class: order.ClassRejected, Message: "REJECTED (HTTP 422) sold_out: no paper", Reroutable: true},
		},
		"rate limited": {
			order.ExternalOrder{},
			&providerapi.Error{Class: order.ClassRateLimited, Status: 429, RetryAfter: time.Minute},
			order.Outcome{Class: order.ClassRateLimited, Message: "RATE_LIMITED (HTTP 429)", RetryAfter: time.Minute},
		},
		"duplicate that was looked up": {
			placed, &providerapi.Error{Class: order.ClassDuplicate},
			order.Outcome{Class: order.ClassDuplicate, Message: "DUPLICATE", Order: &placed},
		},
		"duplicate that was not": {
			order.ExternalOrder{},
			&providerapi.Error{Class: order.ClassDuplicate},
			order.Outcome{Class: order.ClassDuplicate, Message: "DUPLICATE"},
		},
		"unclassified": {
			placed, errors.New("boom: Authorization: Bearer abcdefgh12345"),
			order.Outcome{Class: order.ClassUnknown, Message: "boom: Authorization: Bearer [redacted]"},
		},
		"wrapped": {
			placed, fmt.Errorf("create: %w", &providerapi.Error{Class: order.ClassAuth, Status: 401}),
			order.Outcome{Class: order.ClassAuth, Message: "create: AUTH (HTTP 401)"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			tt.want.Latency = time.Second
			if diff := cmp.Diff(tt.want, providerapi.OutcomeOf(tt.placed, tt.err, time.Second)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		value, date string
		want        time.Duration
	}{
		"not told":                {},
		"seconds":                 {value: "7", want: 7 * time.Second},
		"zero":                    {value: "0"},
		"below zero":              {value: "-3"},
		"far too long":            {value: "99999999999", want: 24 * time.Hour},
		"nonsense":                {value: "soon"},
		"a date":                  {value: "Tue, 24 Nov 2026 12:00:30 GMT", want: 30 * time.Second},
		"a date in the past":      {value: "Tue, 24 Nov 2026 11:00:00 GMT"},
		"a date by another clock": {value: "Tue, 24 Nov 2026 10:00:05 GMT", date: "Tue, 24 Nov 2026 10:00:00 GMT", want: 5 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			header := http.Header{}
			if tt.value != "" {
				header.Set("Retry-After", tt.value)
			}
			if tt.date != "" {
				header.Set("Date", tt.date)
			}
			if got := providerapi.RetryAfter(header, now); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()

	tests := map[string]struct{ body, want string }{
		"nothing":  {``, ``},
		"not JSON": {`apiKey=hunter2`, `{"omitted":"not JSON","bytes":14}`},
		"plain": {
			`{"offerId":"poster-a3","quantity":2,"ok":true,"x":null}`,
			`{"offerId":"poster-a3","quantity":2,"ok":true,"x":null}`,
		},
		"secrets": {
			`{"apiKey":"k","API_KEY":{"a":1},"x-auth-token":[1],"password":1}`,
			`{"apiKey":"[redacted]","API_KEY":"[redacted]","x-auth-token":"[redacted]","password":"[redacted]"}`,
		},
		"destination": {
			`{"destination":{"name":"Ada","attributes":{"floor":3,"gift":true}}}`,
			`{"destination":{"name":"[redacted]","attributes":{"floor":"[redacted]","gift":true}}}`,
		},
		"attributes": {
			`{"attributes":{"file":"https://x/a.pdf","list":["a",{"b":"c"}]}}`,
			`{"attributes":{"file":"[redacted]","list":["[redacted]",{"b":"[redacted]"}]}}`,
		},
		"an address": {`{"message":"sent to ada@example.com, done"}`, `{"message":"sent to [email], done"}`},
		"a key": {
			`["bsk_test_abcdefghijkl", "Bearer abcdefghijkl", "https://x/?api_key=abc&b=1"]`,
			`["[redacted]","Bearer [redacted]","https://x/?api_key=[redacted]&b=1"]`,
		},
		"results": {
			`{"results":[{"id":"a","value":"HUSH","url":"u","secret":true},{"id":"b","value":"v","url":"u","secret":false}]}`,
			`{"results":[{"id":"a","value":"[redacted]","url":"[redacted]","secret":true},` +
				`{"id":"b","value":"v","url":"u","secret":false}]}`,
		},
		"results of many": {
			`{"orders":[{"Results":[{"SECRET":"yes","Value":["HUSH"],"more":{"value":"v"}}],"value":1}]}`,
			`{"orders":[{"Results":[{"SECRET":"[redacted]","Value":"[redacted]","more":{"value":"v"}}],"value":1}]}`,
		},
		"results marked twice": {
			`{"results":{"secret":true,"v\u0061lue":"HUSH","secret":false}}`,
			`{"results":{"secret":true,"value":"[redacted]","secret":false}}`,
		},
		"too deep": {
			strings.Repeat(`[`, 12) + strings.Repeat(`]`, 12),
			strings.Repeat(`[`, 9) + `"[redacted]"` + strings.Repeat(`]`, 9),
		},
		"long text": {`"` + strings.Repeat("é", 200) + `"`, `"` + strings.Repeat("é", 100) + `…"`},
		"long list": {`[` + strings.Repeat(`1,`, 99) + `1]`, `[` + strings.Repeat(`1,`, 19) + `1]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if diff := cmp.Diff(tt.want, string(providerapi.Redact([]byte(tt.body)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExchangeIsCapturedRedacted(t *testing.T) {
	t.Parallel()

	address := serve(t, func(w http.ResponseWriter, _ *http.Request) { write(w, `{"id":"o1","token":"t"}`) })
	var exchange providerapi.Exchange
	if _, err := post(providerapi.Capture(t.Context(), &exchange), t, local(t), address); err != nil {
		t.Fatal(err)
	}
	if string(exchange.Request) != `{"a":1}` || string(exchange.Response) != `{"id":"o1","token":"[redacted]"}` {
		t.Errorf("got %s, %s", exchange.Request, exchange.Response)
	}
}
