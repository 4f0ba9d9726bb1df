package protocol_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/providerapi/protocol"
)

type schema struct {
	Required   []string          `yaml:"required"`
	Pattern    string            `yaml:"pattern"`
	Properties map[string]schema `yaml:"properties"`
}

func schemas(t *testing.T) map[string]schema {
	t.Helper()

	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Schemas map[string]schema `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document.Components.Schemas
}

// What is written has exactly the members that the OpenAPI file describes.
func TestMessagesHaveTheMembersOfTheirSchemas(t *testing.T) {
	t.Parallel()

	price := protocol.Money{Amount: "1.50", Currency: "EUR"}
	order := fullOrder()
	request := protocol.OrderRequest{
		Reference: "r", OfferID: "o", ServiceType: "s", Quantity: 1, UnitPrice: &price, Deadline: &noon,
		Destination: protocol.Destination{Name: "n", CountryCode: "GB", Attributes: json.RawMessage(`{}`)},
		Attributes:  json.RawMessage(`{}`),
	}
	offer := protocol.Offer{
		ID: "o", Name: "n", Category: "c", ServiceType: "s", UnitPrice: price, MinQuantity: 1, MaxQuantity: 2,
		AvailableFrom: &noon, AvailableUntil: &noon, SLA: time.Hour,
	}
	refusal := protocol.Refusal{Code: "c", Message: "m", Retryable: true, Reroutable: true}
	webhook := protocol.Webhook{Type: "t", OrderIDs: []string{"a"}, Keys: []string{"k"}}

	described := schemas(t)
	for name, body := range map[string][]byte{
		"Order": order.Append(nil), "OrderRequest": request.Append(nil), "Refusal": refusal.Append(nil),
		"Webhook": webhook.Append(nil), "Offer": element(t, protocol.AppendOffers(nil, []protocol.Offer{offer}, ""), "offers"),
		"Money": element(t, protocol.AppendQuote(nil, price), "price"), "Destination": element(t, request.Append(nil), "destination"),
	} {
		var written map[string]json.RawMessage
		if err := json.Unmarshal(body, &written); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := slices.Sorted(maps.Keys(described[name].Properties))
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(written))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// element returns a member of a message, or the first element of it where it is a list.
func element(t *testing.T, body []byte, name string) []byte {
	t.Helper()

	var message map[string]json.RawMessage
	if err := json.Unmarshal(body, &message); err != nil {
		t.Fatal(err)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(message[name], &list); err == nil {
		return list[0]
	}
	return message[name]
}

// A message without a member that the OpenAPI file requires is refused.
func TestRequiredMembersAreRequired(t *testing.T) {
	t.Parallel()

	described := schemas(t)
	for name, message := range map[string]struct {
		members map[string]string
		parse   func([]byte) error
	}{
		"Order": {
			map[string]string{"id": `"o"`, "key": `"k"`, "status": `"accepted"`},
			func(body []byte) error { _, err := protocol.ParseOrder(body); return err },
		},
		"OrderRequest": {
			map[string]string{"offerId": `"o"`, "quantity": `1`},
			func(body []byte) error { _, err := protocol.ParseOrderRequest(body); return err },
		},
		"Refusal": {
			map[string]string{"code": `"c"`},
			func(body []byte) error { _, err := protocol.ParseRefusal(body); return err },
		},
		"Webhook": {
			map[string]string{"type": `"t"`},
			func(body []byte) error { _, err := protocol.ParseWebhook(body); return err },
		},
		"Offer": {
			map[string]string{
				"id": `"o"`, "category": `"c"`, "serviceType": `"s"`, "unitPrice": `{"amount":"1","currency":"EUR"}`,
			},
			func(body []byte) error {
				_, _, err := protocol.ParseOffers([]byte(`{"offers":[` + string(body) + `]}`))
				return err
			},
		},
	} {
		if diff := cmp.Diff(slices.Sorted(maps.Keys(message.members)), slices.Sorted(slices.Values(described[name].Required))); diff != "" {
			t.Errorf("%s requires other members: %s", name, diff)
		}
		if err := message.parse(object(t, message.members, "")); err != nil {
			t.Errorf("%s was not read: %v", name, err)
		}
		for without := range message.members {
			if err := message.parse(object(t, message.members, without)); err == nil {
				t.Errorf("%s was read without %s", name, without)
			}
		}
	}
}

func object(t *testing.T, members map[string]string, without string) []byte {
	t.Helper()

	chosen := map[string]json.RawMessage{}
	for name, value := range members {
		if name != without {
			chosen[name] = json.RawMessage(value)
		}
	}
	body, err := json.Marshal(chosen)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// The patterns of the OpenAPI file agree with the code that checks.
func TestPatterns(t *testing.T) {
	t.Parallel()

	described := schemas(t)
	for name, check := range map[string]struct {
		pattern string
		valid   func(string) bool
	}{
		"id":     {described["OrderID"].Pattern, protocol.ValidID},
		"key":    {described["Key"].Pattern, protocol.ValidKey},
		"amount": {described["Money"].Properties["amount"].Pattern, protocol.ValidAmount},
	} {
		pattern, err := regexp.Compile(check.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{
			"", "a", "A-1", "-a", ".", "..", "a.b", "a/b", "a,b", "a b", "é", "~a", "a~:_", "0", "00", "1.", ".1", "1.5", "1.1234567",
			"1234567890123", "123456789012.123456", "-1", "+1", "1e3", "1,5", "\x00", "a\n", "!", "}", string(make([]byte, 300)),
		} {
			if got, want := check.valid(text), pattern.MatchString(text); got != want {
				t.Errorf("%s %q: valid %t, pattern %t", name, text, got, want)
			}
		}
	}
}
