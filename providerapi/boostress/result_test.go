package boostress_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi/sandbox"
)

func TestResultsComeWithTheOrder(t *testing.T) {
	t.Parallel()

	shop := openShop(t, "", sandbox.Behavior{Instant: true})
	placed, err := shop.Create(t.Context(), request(t))
	if err != nil || len(placed.Results) != 1 || placed.Results[0].Kind != order.ResultTracking || placed.Results[0].Carrier == "" ||
		placed.Results[0].URL == "" {
		t.Fatalf("got %+v, %v", placed, err)
	}
	again, err := shop.Get(t.Context(), placed.ExternalID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(placed.Results, again.Results); diff != "" {
		t.Error(diff)
	}
}
