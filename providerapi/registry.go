package providerapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Config is what an adapter needs to speak to one provider.
type Config struct {
	BaseURL     string
	Credentials map[string]string // e.g. "apiKey", "webhookSecret"; never logged
	HTTP        *http.Client      // shared, guarded and size-capped; adapters never make their own
	Timeout     time.Duration     // of one call
}

// Factory makes an adapter. It fails on a configuration that can't work and calls no network.
type Factory func(Config) (Provider, error)

// Registry holds the adapters a process knows, by name.
type Registry struct{ factories map[string]Factory }

// NewRegistry returns a registry of the given adapters.
func NewRegistry(factories map[string]Factory) *Registry {
	return &Registry{factories: maps.Clone(factories)}
}

// Open makes the named adapter. It fails with ErrAdapter for a name that is not registered.
func (r *Registry) Open(name string, config Config) (Provider, error) {
	factory, known := r.factories[name]
	if !known {
		return nil, fmt.Errorf("%w %q (known: %v)", ErrAdapter, name, r.Names())
	}
	provider, err := factory(config)
	if err != nil {
		return nil, fmt.Errorf("open adapter %s: %w", name, err)
	}
	return provider, nil
}

// Names lists the registered adapters, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.factories)) }
