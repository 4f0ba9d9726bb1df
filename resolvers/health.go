package resolvers

import (
	"context"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// Health tells how the provider does.
func (f providerFields) Health(ctx context.Context, p *order.Provider) (*order.Health, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	health, err := find(ctx, l.health, p.ID)
	if err != nil {
		return nil, err
	}
	var shown order.Health // not measured yet
	if health != nil {
		shown = *health // others may show it as well
	}
	shown.Open = p.Measured.Open
	return &shown, nil
}

// Failures counts the calls that were not accepted by what the answer meant.
func (healthFields) Failures(_ context.Context, health *order.Health) ([]*graph.AttemptClassCount, error) {
	return shownCounts(health.Failures, func(class order.Class, count int) *graph.AttemptClassCount {
		return &graph.AttemptClassCount{Class: &class, Count: count}
	}), nil
}
