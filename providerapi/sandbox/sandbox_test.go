package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/boostress/boostress/providerapi/protocol"
	"github.com/boostress/boostress/providerapi/sandbox"
)

func TestOrderProgresses(t *testing.T) {
	t.Parallel()

	c := started(t, sandbox.Behavior{AcceptMS: sandbox.Span{Min: 5, Max: 9}, ProgressMS: sandbox.Span{Min: 5, Max: 5}})
	placed := c.order(c.create("k1"), http.StatusCreated)
	if placed.Status != protocol.StatusAccepted || placed.Key != "k1" || placed.Charge != nil {
		t.Errorf("got %+v", placed)
	}
	ended := c.becomes(placed.ID, protocol.StatusFulfilled)
	if ended.Delivered != 2 || ended.Charge == nil || *ended.Charge != (protocol.Money{Amount: "9.80", Currency: "EUR"}) {
		t.Errorf("got %+v", ended)
	}
}
