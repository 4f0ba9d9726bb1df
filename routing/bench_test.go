package routing_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/routing"
)

// BenchmarkDecide is one decision among so many offers: by the built-in rules, by all scorers, and with a split.
func BenchmarkDecide(b *testing.B) {
	for _, count := range []int{10, 100, 1000} {
		candidates := make([]routing.Candidate, count)
		for i := range candidates {
			candidates[i] = candidate(func(c *routing.Candidate) {
				c.Provider.Measured.FulfillTime = new(time.Duration(i%17) * time.Minute)
				c.Provider.Measured.SuccessRate = new(float64(i%13) / 13)
				c.Offer.UnitPrice = amount(strconv.Itoa(1 + i%5))
			})
		}
		whole, parts := request(), request()
		whole.FulfillmentID, parts.FulfillmentID, parts.Quantity = id.New(id.Fulfillment), id.New(id.Fulfillment), 42
		for _, run := range []struct {
			name    string
			request routing.Request
			rules   *routing.Rules
		}{
			{"cheapest", whole, routing.BuiltIn()}, {"all scorers", whole, allKinds()}, {"split", parts, routing.BuiltIn()},
		} {
			b.Run(fmt.Sprintf("%s of %d", run.name, count), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if got := routing.Decide(run.request, run.rules, candidates); got.Chosen == nil {
						b.Fatal(got.Summary())
					}
				}
			})
		}
	}
}
