package boostress_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/boostress"
)

const (
	apiKey = "key-of-a-test"
	good   = `{"id":"o1","key":"k1","status":"accepted","quantity":2,"delivered":0}`
)

// open returns an adapter of a provider that is played by handler.
func open(t *testing.T, handler http.HandlerFunc, more ...string) *boostress.Adapter {
	t.Helper()

	server := httptest.NewServer(handler)
	client := providerapi.NewHTTPClient(providerapi.Guard{Allow: providerapi.Loopback()})
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
	})
	credentials := map[string]string{"apiKey": apiKey}
	for i := 0; i+1 < len(more); i += 2 {
		credentials[more[i]] = more[i+1]
	}
	provider, err := boostress.New(providerapi.Config{
		BaseURL: server.URL + "/shop/", Credentials: credentials, HTTP: client, Timeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	adapter, ok := provider.(*boostress.Adapter)
	if !ok {
		t.Fatalf("got a %T", provider)
	}
	return adapter
}

func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func money(t testing.TB, amount string) order.Money {
	t.Helper()

	m, err := order.NewMoney(decimal.MustParse(amount), "EUR")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func request(t testing.TB) providerapi.CreateRequest {
	t.Helper()

	deadline := time.Date(2099, 1, 31, 0, 0, 0, 0, time.UTC)
	return providerapi.CreateRequest{
		Key: "k1", OrderReference: "A-1001", OfferID: "poster-a3", ServiceType: "poster-a3", Quantity: 2,
		UnitPrice: money(t, "4.90"), Deadline: &deadline, Attributes: json.RawMessage(`{"file":"https://example.com/a.pdf"}`),
		Destination: order.Destination{Name: "Ada", CountryCode: "GB", Attributes: json.RawMessage(`{"email":"ada@example.com"}`)},
	}
}

func TestCreateSendsTheOrder(t *testing.T) {
	t.Parallel()

	want := `{"reference":"A-1001","offerId":"poster-a3","serviceType":"poster-a3","quantity":2,` +
		`"unitPrice":{"amount":"4.90","currency":"EUR"},` +
		`"destination":{"name":"Ada","countryCode":"GB","attributes":{"email":"ada@example.com"}},` +
		`"attributes":{"file":"https://example.com/a.pdf"},"deadline":"2099-01-31T00:00:00Z"}`
	adapter := open(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := []string{
			r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"),
			r.Header.Get("Content-Type"), string(body),
		}
		expected := []string{"POST", "/shop/v1/orders", "Bearer " + apiKey, "k1", "application/json", want}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Error(diff)
		}
		answer(http.StatusCreated, `{"id":"o1","key":"k1","status":"fulfilled","quantity":2,"delivered":2,`+
			`"charge":{"amount":"9.80","currency":"EUR"},"message":"done"}`)(w, r)
	})
	got, err := adapter.Create(t.Context(), request(t))
	if err != nil {
		t.Fatal(err)
	}
	charge := money(t, "9.80")
	expected := order.ExternalOrder{
		ExternalID: "o1", Key: "k1", State: order.ExternalFulfilled, RawStatus: "fulfilled", Delivered: 2, Charge: &charge, Message: "done",
	}
	if diff := cmp.Diff(expected, got, cmpopts.EquateComparable(decimal.Decimal{})); diff != "" {
		t.Error(diff)
	}
}

func TestStatusWords(t *testing.T) {
	t.Parallel()

	for word, want := range map[string]order.ExternalState{
		"accepted": order.ExternalAccepted, "in_progress": order.ExternalInProgress, "partially_fulfilled": order.ExternalPartial,
		"fulfilled": order.ExternalFulfilled, "rejected": order.ExternalRejected, "failed": order.ExternalFailed,
		"canceling": order.ExternalCanceling, "canceled": order.ExternalCanceled,
		"at_the_bindery": order.ExternalOther, "ACCEPTED": order.ExternalOther,
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()

			adapter := open(t, answer(http.StatusOK, `{"id":"o1","key":"k1","status":"`+word+`"}`))
			got, err := adapter.Get(t.Context(), "o1")
			if err != nil || got.State != want || got.RawStatus != word {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestGetRefusesAnotherOrder(t *testing.T) {
	t.Parallel()

	adapter := open(t, answer(http.StatusOK, good))
	if got, err := adapter.Get(t.Context(), "o2"); providerapi.ClassOf(err) != order.ClassRetryable {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := adapter.Get(t.Context(), "../o1"); !errors.Is(err, providerapi.ErrAbsent) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestGetMany(t *testing.T) {
	t.Parallel()

	adapter := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "ids=o1,o2" {
			t.Errorf("asked for %q", r.URL.RawQuery)
		}
		answer(http.StatusOK, `{"orders":[`+good+`]}`)(w, r)
	})
	got, err := adapter.GetMany(t.Context(), []string{"o1", "o,x", "o2"})
	if err != nil || len(got) != 1 || got[0].ExternalID != "o1" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := adapter.GetMany(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("nothing: got %+v, %v", got, err)
	}
	if _, err := adapter.GetMany(t.Context(), make([]string, 101)); providerapi.ClassOf(err) != order.ClassUnsupported {
		t.Errorf("too many: got %v", err)
	}
}

func TestFindByKey(t *testing.T) {
	t.Parallel()

	list := func(orders ...string) string { return `{"orders":[` + strings.Join(orders, ",") + `]}` }
	canceled := `{"id":"o0","key":"k1","status":"canceled"}`
	other := `{"id":"o9","key":"k9","status":"accepted"}`
	tests := map[string]struct {
		status int
		body   string
		want   string
		absent bool
	}{
		"found":                     {200, list(good), "o1", false},
		"several, one of them dead": {200, list(canceled, good), "o1", false},
		"only a dead one":           {200, list(canceled), "o0", false},
		"none":                      {200, list(), "", true},
		"none, said by 404":         {404, `{"code":"not_found","message":"no such order"}`, "", true},
		"only others":               {200, list(other), "", false},
		"a stranger's 404":          {404, `<html>not found</html>`, "", false},
		"a 404 about else":          {404, `{"code":"no_such_shop","message":"?"}`, "", false},
		"no list":                   {200, `{}`, "", false},
		"an error":                  {503, ``, "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			adapter := open(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("key") != "k1" {
					t.Errorf("asked for %q", r.URL.RawQuery)
				}
				answer(tt.status, tt.body)(w, r)
			})
			got, err := adapter.FindByKey(t.Context(), "k1")
			if got.ExternalID != tt.want || (err == nil) != (tt.want != "") || errors.Is(err, providerapi.ErrAbsent) != tt.absent {
				t.Errorf("got %q, %v", got.ExternalID, err)
			}
		})
	}
}

func TestOffersAndQuote(t *testing.T) {
	t.Parallel()

	adapter := open(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/shop/v1/quotes" && r.Header.Get("Idempotency-Key") == "":
			answer(http.StatusOK, `{"price":{"amount":"9.80","currency":"EUR"}}`)(w, r)
		case r.URL.Query().Get("cursor") == "p 2":
			answer(http.StatusOK, `{"offers":[{"id":"b","category":"prints","serviceType":"poster-a2",`+
				`"unitPrice":{"amount":"9","currency":"EUR"}}]}`)(w, r)
		default:
			answer(http.StatusOK, `{"nextCursor":"p 2","offers":[{"id":"a","name":"Poster","category":"prints","serviceType":"poster-a3",`+
				`"unitPrice":{"amount":"4.90","currency":"EUR"},"minQuantity":1,"maxQuantity":9,"slaSeconds":60}]}`)(w, r)
		}
	})
	got, err := adapter.Offers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []providerapi.ExternalOffer{
		{
			ExternalID: "a", Name: "Poster", Category: "prints", ServiceType: "poster-a3", UnitPrice: money(t, "4.90"),
			MinQuantity: 1, MaxQuantity: 9, SLA: time.Minute,
		},
		{ExternalID: "b", Category: "prints", ServiceType: "poster-a2", UnitPrice: money(t, "9"), MinQuantity: 1},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(decimal.Decimal{})); diff != "" {
		t.Error(diff)
	}
	if price, err := adapter.Quote(t.Context(), request(t)); err != nil || price != money(t, "9.80") {
		t.Errorf("got %v, %v", price, err)
	}
}

func TestBalance(t *testing.T) {
	t.Parallel()
	got, err := open(t, answer(http.StatusOK, `{"balance": {"amount": "812.40", "currency": "EUR"}}`)).Balance(t.Context())
	if err != nil || got.Amount.String() != "812.40" || got.Currency != "EUR" {
		t.Errorf("balance is %v, %v", got, err)
	}
	for _, status := range []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		if _, err := open(t, answer(status, "no")).Balance(t.Context()); providerapi.ClassOf(err) != order.ClassUnsupported {
			t.Errorf("HTTP %d: %v, want UNSUPPORTED", status, err)
		}
	}
	if _, err := open(t, answer(http.StatusUnauthorized, "")).Balance(t.Context()); providerapi.ClassOf(err) != order.ClassAuth {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestPing(t *testing.T) {
	t.Parallel()

	if err := open(t, answer(http.StatusNoContent, "")).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	err := open(t, answer(http.StatusUnauthorized, "")).Ping(t.Context())
	if providerapi.ClassOf(err) != order.ClassAuth || strings.Contains(fmt.Sprint(err), apiKey) {
		t.Errorf("got %v", err)
	}
}
