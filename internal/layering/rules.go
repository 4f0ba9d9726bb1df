// Package layering holds the import rules of docs/architecture.md as a table, and says which imports break them.
// .golangci.yml repeats the table for the editor; the tests check both against the code and against each other.
package layering

// Module is the path of the module that the rules are about.
const Module = "github.com/boostress/boostress"

// Layer is a group of packages that may import the same. Paths are relative to the module; a path that ends in "/..."
// stands for the package and all below it, and one that ends in "/*" for the packages right below it.
type Layer struct {
	// Name is also the name of the depguard rule that repeats the layer, where Mirrored is set.
	Name     string
	Packages []string
	// Imports lists what of the module its packages may import, besides each other's leaves below internal.
	Imports []string
	// Libraries, where not nil, is everything else that they may import; "std" stands for the standard library but for
	// its input and output.
	Libraries []string
	// Anything lifts every rule but one: nothing imports cmd.
	Anything bool
	Mirrored bool
}

// Wall keeps some packages from outside the module to those who have to know them.
type Wall struct {
	Imports []string
	Only    []string
	Why     string
}

// Layers lists all layers; a package belongs to the first that names it.
func Layers() []Layer {
	pure := []string{"account", "order", "routing", "schedule", "task"}
	libraries := []string{"std", "github.com/google/uuid", "github.com/govalues/decimal", "github.com/netresearch/go-cron"}
	adapter := []string{"order", "providerapi", "providerapi/protocol"}

	return []Layer{
		{Name: "commands", Packages: []string{"cmd/...", "bench/...", "e2e/..."}, Anything: true},
		{Name: "stand", Packages: []string{"internal/devstack/...", "internal/testkit/..."}, Anything: true},
		{Name: "pure", Packages: []string{"account", "order", "schedule", "task"}, Libraries: libraries, Mirrored: true},
		{Name: "routing", Packages: []string{"routing"}, Imports: []string{"order"}, Libraries: libraries, Mirrored: true},
		{Name: "store", Packages: []string{"store/..."}, Imports: with(pure, "migrations", "store/..."), Mirrored: true},
		{Name: "use-cases", Packages: []string{"access", "fulfillment"}, Imports: with(pure, "store"), Mirrored: true},
		{Name: "scheduling", Packages: []string{"scheduling"}, Imports: with(pure, "fulfillment", "store"), Mirrored: true},
		{Name: "redis", Packages: []string{"live", "limit", "graph/scalar"}, Imports: pure, Mirrored: true},
		{
			Name: "worker", Packages: []string{"worker/..."}, Mirrored: true,
			Imports: with(pure, "fulfillment", "limit", "providerapi", "scheduling", "store", "worker/..."),
		},
		{Name: "providerapi", Packages: []string{"providerapi"}, Imports: []string{"order"}, Mirrored: true},
		{Name: "sandbox", Packages: []string{"providerapi/sandbox"}, Imports: []string{"providerapi/protocol"}, Mirrored: true},
		{Name: "kit", Packages: []string{"providerapi/providertest"}, Imports: []string{"order", "providerapi"}, Mirrored: true},
		{
			Name: "leaves", Mirrored: true, Imports: []string{"client/..."},
			Packages: []string{"client/...", "console/...", "internal/...", "migrations", "playground", "providerapi/protocol"},
		},
		{Name: "adapters", Packages: []string{"providerapi/*"}, Imports: adapter, Mirrored: true},
		// Generated, so that no linter looks at it: only the test holds this one.
		{Name: "graph", Packages: []string{"graph"}, Imports: with(pure, "graph/scalar")},
		{
			Name: "resolvers", Packages: []string{"resolvers"}, Mirrored: true,
			Imports: with(pure, "access", "fulfillment", "graph", "graph/scalar", "live", "scheduling", "store"),
		},
		{
			Name: "server", Packages: []string{"server/..."}, Mirrored: true,
			Imports: with(pure, "access", "console", "fulfillment", "graph", "limit", "live", "playground", "providerapi",
				"resolvers", "scheduling", "server/..."),
		},
	}
}

// Walls lists who may import what from outside the module.
func Walls() []Wall {
	stand := []string{"cmd/...", "bench/...", "e2e/...", "internal/devstack/...", "internal/testkit/..."}

	return []Wall{
		{
			Imports: []string{"github.com/jackc", "github.com/pressly/goose", "database/sql"},
			Only:    with(stand, "store/...", "migrations"),
			Why:     "only store runs SQL",
		},
		{
			Imports: []string{"github.com/redis/go-redis"},
			Only:    with(stand, "live", "worker/...", "limit"),
			Why:     "only live, worker and limit speak to Redis",
		},
		{
			Imports: []string{"github.com/99designs/gqlgen", "github.com/vektah/gqlparser", "github.com/gorilla/websocket"},
			Only:    with(stand, "graph/...", "resolvers", "server/...", "client/...", "internal/gqlclient"),
			Why:     "GraphQL ends at resolvers and server",
		},
	}
}

func with(base []string, more ...string) []string {
	return append(append(make([]string, 0, len(base)+len(more)), base...), more...)
}
