package providerapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

// Pool opens the adapter of each provider once and keeps it until the provider changes.
type Pool struct {
	registry    *Registry
	client      *http.Client
	credentials func(ctx context.Context, providerID uuid.UUID) (map[string]string, error)

	mu   sync.Mutex
	open map[uuid.UUID]opened // one for each provider: as many as there are rows
}

type opened struct {
	provider Provider
	version  time.Time
}

// NewPool returns a pool of the registry's adapters, which share client and get their credentials from the function.
func NewPool(
	registry *Registry, client *http.Client,
	credentials func(ctx context.Context, providerID uuid.UUID) (map[string]string, error),
) *Pool {
	return &Pool{registry: registry, client: client, credentials: credentials, open: map[uuid.UUID]opened{}}
}

// For returns the adapter of a provider as it is configured now. It fails where the provider's adapter is unknown, or
// its credentials can't be read.
func (p *Pool) For(ctx context.Context, provider order.Provider) (Provider, error) {
	p.mu.Lock()
	known, found := p.open[provider.ID]
	p.mu.Unlock()
	if found && !known.version.Before(provider.UpdatedAt) {
		return known.provider, nil
	}
	credentials, err := p.credentials(ctx, provider.ID)
	if err != nil {
		return nil, fmt.Errorf("read credentials of %s: %w", provider.Name, err)
	}
	adapter, err := p.registry.Open(provider.Adapter, Config{
		BaseURL: provider.BaseURL, Credentials: credentials, HTTP: p.client, Timeout: provider.Timeout,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", provider.Name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[provider.ID] = opened{adapter, provider.UpdatedAt}
	return adapter, nil
}

// Capabilities tells what a provider can do.
func (p *Pool) Capabilities(ctx context.Context, provider order.Provider) (order.Capabilities, error) {
	adapter, err := p.For(ctx, provider)
	if err != nil {
		return order.Capabilities{}, err
	}
	return adapter.Capabilities(), nil
}
