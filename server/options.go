package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

// ErrOptions is what New fails with for options that can't work.
var ErrOptions = errors.New("bad server options")

// Probes is what every process serves, whatever its roles: /healthz, /readyz and /metrics.
type Probes struct {
	// Checks decide whether /readyz answers 200 or 503.
	Checks []Check
	// Metrics is what /metrics shows, and where the server registers its own; default: one of its own.
	Metrics *prometheus.Registry
	Log     *slog.Logger // default: nowhere
	// DrainTimeout is how long Run waits for what is running, after its context ended; default 15 s.
	DrainTimeout time.Duration
	// Clock is of what is remembered and of webhooks' age; default time.Now.
	Clock func() time.Time
}

// Authenticator tells who makes a request. It fails with access.ErrUnauthenticated for a credential that doesn't hold,
// and with another error where that can't be told right now.
type Authenticator interface {
	Authenticate(ctx context.Context, credential access.Credential) (account.Principal, error)
}

// Options are what the API is made of. Schema, Present, Recover and Authenticator are required.
type Options struct {
	Probes

	// Schema is what operations run against.
	Schema graphql.ExecutableSchema
	// Extensions look at operations before and around they run, in this order; they hold the schema's rules. An
	// extension that intercepts fields is refused: it would cost every one of them.
	Extensions []graphql.HandlerExtension
	// Present turns an error into what clients see: with extensions code, requestId and retryable, and masked where it
	// isn't theirs.
	Present graphql.ErrorPresenterFunc
	// Recover logs a resolver's panic and returns the error that Present is given.
	Recover graphql.RecoverFunc
	// Authenticator tells who makes a request.
	Authenticator Authenticator
	// Socket serves requests that ask for a websocket; default: they are refused. Where it has Drain, Run calls it.
	Socket graphql.Transport
	// Playground is served at /playground/; default: nothing is.
	Playground http.Handler
	// Webhooks takes what providers tell; default: /webhooks/ is not served.
	Webhooks *Webhooks
	// TrustedOrigins are those whose pages may use a session's cookie besides the server's own, e.g.
	// "https://shop.example.com".
	TrustedOrigins []string
	// TrustedProxies are the networks of proxies in front, whose X-Forwarded-For is believed; default: nobody's is.
	TrustedProxies []netip.Prefix
	// Limits bound what one request may ask for.
	Limits Limits
}

// Limits bound what one request may ask for. Zero values mean the defaults.
type Limits struct {
	Body       int64         // of a request or webhook, in bytes; default 256 KiB
	Tokens     int           // of a document; default 1,000
	Depth      int           // of nested fields; default 12. Introspection alone may go deeper
	Aliases    int           // in an operation, its fragments counted as often as they are spread; default 15
	RootFields int           // of an operation; default 20
	Operation  time.Duration // a query's or mutation's; default 10 s
	Read       time.Duration // of a body, from its begin to its end; default 10 s
	Documents  uint64        // remembered once they were checked, in bytes; default 32 MiB
}

// Webhooks takes what providers tell: a hint which orders to read again.
type Webhooks struct {
	// Provider looks a provider up, of any account. It fails with order.ErrNotFound.
	Provider func(ctx context.Context, id uuid.UUID) (order.Provider, error)
	// Adapter returns what verifies the provider's webhooks; one that is no providerapi.WebhookParser takes none.
	Adapter func(ctx context.Context, provider order.Provider) (providerapi.Provider, error)
	// Hint takes a verified webhook; one that it took before changes nothing.
	Hint func(ctx context.Context, provider order.Provider, deliveryID string, externalIDs, keys []string) error
}

const (
	defaultDrain     = 15 * time.Second
	defaultBody      = 256 << 10
	defaultTokens    = 1000
	defaultDepth     = 12
	defaultAliases   = 15
	defaultRoots     = 20
	defaultPatience  = 10 * time.Second
	defaultDocuments = 32 << 20
)

func (p Probes) withDefaults() Probes {
	if p.Metrics == nil {
		p.Metrics = prometheus.NewRegistry()
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Clock == nil {
		p.Clock = time.Now
	}
	orElse(&p.DrainTimeout, defaultDrain)
	return p
}

func (l Limits) withDefaults() Limits {
	orElse(&l.Body, defaultBody)
	orElse(&l.Tokens, defaultTokens)
	orElse(&l.Depth, defaultDepth)
	orElse(&l.Aliases, defaultAliases)
	orElse(&l.RootFields, defaultRoots)
	orElse(&l.Operation, defaultPatience)
	orElse(&l.Read, defaultPatience)
	orElse(&l.Documents, defaultDocuments)
	return l
}

// orElse sets a value that was not given.
func orElse[T ~int | ~int64 | ~uint64](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

// check fails with ErrOptions, naming the first thing that is missing or wrong.
func (o Options) check() error {
	switch {
	case o.Schema == nil:
		return fmt.Errorf("%w: no schema", ErrOptions)
	case o.Present == nil || o.Recover == nil:
		return fmt.Errorf("%w: nothing presents errors or recovers from panics", ErrOptions)
	case o.Authenticator == nil:
		return fmt.Errorf("%w: nothing authenticates", ErrOptions)
	case o.Webhooks != nil && (o.Webhooks.Provider == nil || o.Webhooks.Adapter == nil || o.Webhooks.Hint == nil):
		return fmt.Errorf("%w: webhooks need to find providers and adapters and to give hints", ErrOptions)
	}
	for _, extension := range o.Extensions {
		if err := extension.Validate(o.Schema); err != nil {
			return fmt.Errorf("%w: extension %s: %w", ErrOptions, extension.ExtensionName(), err)
		}
		switch extension.(type) {
		case graphql.FieldInterceptor, graphql.RootFieldInterceptor:
			return fmt.Errorf("%w: extension %s intercepts fields", ErrOptions, extension.ExtensionName())
		}
	}
	return nil
}
