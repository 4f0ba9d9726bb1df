// Package resolvers answers the API: it reads arguments, calls the use cases and the record, and wraps what they return.
// A file per noun; what every list, error and rule has in common is in page.go, errors.go, loaders.go and rules.go.
package resolvers

import (
	"context"
	"log/slog"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/store"
)

// Options wire the resolvers. Store, Fulfillment, Scheduling, Access and Live are required.
type Options struct {
	Store       *store.Store // reads
	Fulfillment *fulfillment.Service
	Scheduling  *scheduling.Service
	Access      *access.Service
	Live        *live.Hub
	Log         *slog.Logger // default: nowhere
	// Wait is how long a field waits for others that read the same kind of thing; default 1 ms.
	Wait time.Duration
	// Term is how long a worker may be silent until it counts as such; default 10 s.
	Term time.Duration
	// Clock is what ticks and reads are told apart by; everything that is shown carries the database's time. Default
	// time.Now.
	Clock func() time.Time
}

// Root answers every field that reads or changes something. As a gqlgen extension, which it must be used as, it gives each
// operation, and each event of a subscription, loaders of its own.
type Root struct {
	options  Options
	rules    *Rules
	nodes    map[id.Kind]nodeKind
	links    map[string]link
	counts   sharing[uuid.UUID, *graph.Statistics] // by account
	figures  *otter.Cache[figuresKey, *graph.TaskStatistics]
	watched  sharing[ofAccount, seenProvider]
	fired    sharing[ofAccount, int64] // runs, by schedule
	progress sharing[ofAccount, *order.BulkOperation]
}

const (
	defaultWait = time.Millisecond
	defaultTerm = 10 * time.Second
)

var (
	_ graph.ResolverRoot          = (*Root)(nil)
	_ graphql.HandlerExtension    = (*Root)(nil)
	_ graphql.ResponseInterceptor = (*Root)(nil)
)

// New returns the resolvers.
func New(options Options) *Root {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Wait == 0 {
		options.Wait = defaultWait
	}
	if options.Term == 0 {
		options.Term = defaultTerm
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	r := &Root{
		options: options, nodes: nodeKinds(), links: newLinks(), figures: newFigures(),
	}
	r.rules = NewRules(r.Schema().Schema())
	return r
}

// Schema returns what a server executes.
func (r *Root) Schema() graphql.ExecutableSchema {
	return graph.NewExecutableSchema(graph.Config{Resolvers: r})
}

// Rules returns the extension that holds the schema's rules. A server must use it: resolvers rely on it.
func (r *Root) Rules() *Rules { return r.rules }

// ExtensionName names the extension.
func (r *Root) ExtensionName() string { return "Loaders" }

// Validate accepts every schema.
func (r *Root) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse gives a response its loaders, and remembers where the live feed was before anything is read.
func (r *Root) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	return next(withLoaders(r.options.Live.Mark(ctx)))
}

// who returns who makes the request. The rules let nobody else through; where they are not in force, it fails.
func who(ctx context.Context) (account.Principal, error) {
	principal, ok := account.FromContext(ctx)
	if !ok {
		return account.Principal{}, access.ErrUnauthenticated
	}
	return principal, nil
}
