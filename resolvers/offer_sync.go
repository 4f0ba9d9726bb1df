package resolvers

import (
	"context"

	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// OfferSyncs lists what was compared with the provider's list of offers.
func (f providerFields) OfferSyncs(
	ctx context.Context, p *order.Provider, first *int, after *string, last *int, before *string,
) (*graph.OfferSyncConnection, error) {
	found, err := children(ctx, f.Root, "offerSyncs", p.ID, noFilter{}, pageArgs{first, after, last, before},
		unfiltered(f.options.Store.SyncsOf))
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.OfferSync) *graph.OfferSyncEdge {
		return &graph.OfferSyncEdge{Cursor: cursor, Node: node}
	})
	return &graph.OfferSyncConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Provider returns whose offers are compared.
func (f syncFields) Provider(ctx context.Context, s *order.OfferSync) (*order.Provider, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return must(find(ctx, l.providers, s.ProviderID))
}

// Changes lists what differs.
func (f syncFields) Changes(
	ctx context.Context, s *order.OfferSync, first *int, after *string, last *int, before *string,
) (*graph.OfferChangeConnection, error) {
	found, err := children(ctx, f.Root, "offerChanges", s.ID, noFilter{}, pageArgs{first, after, last, before},
		unfiltered(f.options.Store.ChangesOf))
	if err != nil {
		return nil, err
	}
	edges, info := edgesOf(found, func(cursor string, node *order.OfferChange) *graph.OfferChangeEdge {
		return &graph.OfferChangeEdge{Cursor: cursor, Node: node}
	})
	return &graph.OfferChangeConnection{Nodes: found.Items, Edges: edges, PageInfo: info, TotalCount: found.Total}, nil
}

// Offer returns the offer here, where it was there already.
func (f changeFields) Offer(ctx context.Context, c *order.OfferChange) (*order.Offer, error) {
	l, err := f.loadersOf(ctx)
	if err != nil {
		return nil, err
	}
	return findMaybe(ctx, l.offers, c.OfferID)
}

// SyncOffers begins to compare a provider's offers with what it lists.
func (m mutation) SyncOffers(ctx context.Context, input graph.SyncOffersInput) (*graph.SyncOffersPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	begun, err := m.options.Fulfillment.SyncOffers(ctx, principal, input.ProviderID, input.Mode)
	faults, ok := userErrorsAt(err, "providerId")
	if !ok {
		return nil, err
	}
	return &graph.SyncOffersPayload{OfferSync: begun, UserErrors: faults}, nil
}

// ApproveOfferSync takes over what was proposed.
func (m mutation) ApproveOfferSync(
	ctx context.Context, input graph.ApproveOfferSyncInput,
) (*graph.ApproveOfferSyncPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	approved, err := m.options.Fulfillment.ApproveSync(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.ApproveOfferSyncPayload{OfferSync: approved, UserErrors: faults}, nil
}

// DiscardOfferSync leaves the offers as they are.
func (m mutation) DiscardOfferSync(
	ctx context.Context, input graph.DiscardOfferSyncInput,
) (*graph.DiscardOfferSyncPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	discarded, err := m.options.Fulfillment.DiscardSync(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.DiscardOfferSyncPayload{OfferSync: discarded, UserErrors: faults}, nil
}

// DeleteProvider hides a provider for good.
func (m mutation) DeleteProvider(ctx context.Context, input graph.DeleteProviderInput) (*graph.DeleteProviderPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	deleted, err := m.options.Fulfillment.DeleteProvider(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.DeleteProviderPayload{Provider: deleted, UserErrors: faults}, nil
}

// CheckProvider has a worker find out whether a provider can be reached.
func (m mutation) CheckProvider(ctx context.Context, input graph.CheckProviderInput) (*graph.CheckProviderPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	checked, check, err := m.options.Fulfillment.CheckProvider(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.CheckProviderPayload{Provider: checked, TaskResult: check, UserErrors: faults}, nil
}
