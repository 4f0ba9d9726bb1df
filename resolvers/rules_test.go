package resolvers_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
)

// A field that nobody thought about would be seen by nobody; still every field says who may see it, and everything says
// what it is.
func TestEveryFieldHasARule(t *testing.T) {
	t.Parallel()
	schema := newStand(t).root.Schema().Schema()

	for name, definition := range schema.Types {
		if strings.HasPrefix(name, "__") || definition.BuiltIn {
			continue
		}
		described(t, name, definition.Description)
		for _, value := range definition.EnumValues {
			described(t, name+"."+value.Name, value.Description)
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			described(t, name+"."+field.Name, field.Description)
			for _, argument := range field.Arguments {
				described(t, name+"."+field.Name+"("+argument.Name+")", argument.Description)
			}
			if definition.Kind == ast.InputObject {
				continue
			}
			rules := 0
			for _, directives := range []ast.DirectiveList{field.Directives, definition.Directives} {
				if directives.ForName("allow") != nil || directives.ForName("public") != nil {
					rules++
				}
			}
			if rules == 0 {
				t.Errorf("%s.%s has no rule", name, field.Name)
			}
		}
	}
	for _, directive := range []string{"allow", "public"} {
		described(t, "@"+directive, schema.Directives[directive].Description)
	}
}

func described(t *testing.T, name, description string) {
	t.Helper()
	if strings.TrimSpace(description) == "" {
		t.Errorf("%s is not described", name)
	}
}

// What strangers may select is written out here, so that nothing becomes public by accident.
func TestWhatIsPublic(t *testing.T) {
	t.Parallel()
	schema := newStand(t).root.Schema().Schema()
	var public []string
	for name, definition := range schema.Types {
		for _, field := range definition.Fields {
			rule := field.Directives
			if rule.ForName("allow") == nil && rule.ForName("public") == nil {
				rule = definition.Directives
			}
			if rule.ForName("public") != nil && !strings.HasPrefix(field.Name, "__") {
				public = append(public, name+"."+field.Name)
			}
		}
	}
	slices.Sort(public)
	want := []string{
		"Mutation.signIn", "SignInPayload.user", "SignInPayload.userErrors", "User.createdAt", "User.disabledAt", "User.id",
		"User.role", "User.username", "UserError.code", "UserError.field", "UserError.message",
	}
	if !slices.Equal(public, want) {
		t.Errorf("public are %q, want %q", public, want)
	}
}

func TestRolesSeeWhatTheyMay(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 1}.fill(t, s.url)

	admin, operator, integrator, viewer := account.Admin, account.Operator, account.Integrator, account.Viewer
	all := []account.Role{admin, operator, integrator, viewer}
	for document, allowed := range map[string][]account.Role{
		`{ viewer { role } }`: all,
		`{ orders { nodes { fulfillments { nodes { provider { name } externalId } } } } }`: all,
		`{ providers { nodes { name isEnabled } } }`:                                       all,
		`{ providers { nodes { baseUrl } } }`:                                              {admin, operator, viewer},
		`{ orders { nodes { fulfillments { nodes { decision { madeAt } } } } } }`:          {admin, operator, viewer},
		`{ fulfillments { nodes { results { id label value url isSecret } } } }`:           {admin, operator, integrator, viewer},
		`mutation { revealFulfillmentResult(input: {id: "x"}) { value } }`:                 {admin, operator, integrator},
		`{ orders { nodes { fulfillments { nodes { attempts { nodes { key } } } } } } }`:   {admin, operator, viewer},
		`{ taskResults { nodes { state } } }`:                                              {admin, operator, viewer},
		`{ routingPolicies { nodes { name } } }`:                                           {admin, operator, viewer},
		`{ orders { nodes { routingPolicy { name } } } }`:                                  {admin, operator, viewer},
		`{ statistics { countedAt } }`:                                                     {admin, operator, viewer},
		`{ schedules { nodes { name } } queues { name } workers { id } }`:                  {admin, operator, viewer},
		`{ apiKeys { nodes { name } } }`:                                                   {admin},
		`{ users { nodes { username } } }`:                                                 {admin},
		`{ sessions { nodes { id } } }`:                                                    {admin},
		`{ auditEntries { nodes { action } } }`:                                            {admin},
		`{ ...f } fragment f on Query { ... on Query { users { nodes { id } } } }`:         {admin},
		`query($no: Boolean = false) { users @include(if: $no) { nodes { id } } }`:         {admin},
		`{ viewer { user { username } apiKey { name } } }`:                                 all,
		`{ viewer { apiKey { createdBy } } }`:                                              {admin},
		`{ __schema { types { name fields { name } } } __type(name: "Order") { name } }`:   all,
		`mutation { cancelOrder(input: {id: "x"}) { userErrors { code } } }`: {
			admin,
			operator, integrator,
		},
		`mutation { holdOrder(input: {id: "x", name: "n", reason: "r"}) { userErrors { code } } }`: {admin, operator, integrator},
		`mutation { addOrderNote(input: {id: "x", text: "t"}) { userErrors { code } } }`:           {admin, operator, integrator},
		`mutation { createOrders(input: {orders: []}) { userErrors { code } } }`: {
			admin,
			operator, integrator,
		},
		`mutation { cancelOrders(input: {ids: ["x"]}) { userErrors { code } } }`: {
			admin,
			operator, integrator,
		},
		`mutation { cancelBulkOperation(input: {id: "x"}) { userErrors { code } } }`: {
			admin,
			operator, integrator,
		},
		`mutation { holdOrders(input: {ids: ["x"], name: "n", reason: "r"}) { userErrors { code } } }`: {
			admin,
			operator, integrator,
		},
		`mutation { releaseOrders(input: {ids: ["x"]}) { userErrors { code } } }`: {
			admin,
			operator, integrator,
		},
		`mutation { retryFulfillments(input: {ids: ["x"]}) { userErrors { code } } }`:                          {admin, operator},
		`{ bulkOperations { nodes { state rows { nodes { code } } } } }`:                                       all,
		`mutation { pauseProvider(input: {id: "x", reason: "r"}) { userErrors { code } } }`:                    {admin},
		`mutation { updateOffer(input: {id: "x"}) { userErrors { code } } }`:                                   {admin},
		`mutation { enableOffers(input: {ids: ["x"]}) { userErrors { code } } }`:                               {admin},
		`mutation { revokeApiKey(input: {id: "x"}) { userErrors { code } } }`:                                  {admin},
		`mutation { signOut { userErrors { code } } }`:                                                         all,
		`mutation { signIn(input: {username: "u", password: "p"}) { user { username } userErrors { code } } }`: all,
	} {
		for _, role := range all {
			answer := s.run(as(role, 1), document, nil)
			got := code(answer)
			switch may := slices.Contains(allowed, role); {
			case may && got != "":
				t.Errorf("%s may not select %s: %v", role, document, answer["errors"])
			case !may && got != "FORBIDDEN":
				t.Errorf("%s may select %s: %v", role, document, answer)
			case !may && answer["data"] != nil:
				t.Errorf("%s is refused %s with data: %v", role, document, answer)
			}
		}
	}
}

// Fetching by id needs the rule of the thing's type, whatever is selected of it.
func TestNodesNeedTheirKindsRule(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	w := world{account: 1, providers: 1, orders: 1}
	w.fill(t, s.url)

	readers := account.Roles()
	watchers := []account.Role{account.Admin, account.Operator, account.Viewer}
	admins := []account.Role{account.Admin}
	kinds := map[id.Kind][]account.Role{
		id.Account: readers, id.User: admins, id.Session: admins, id.APIKey: admins, id.Order: readers, id.Line: readers,
		id.Fulfillment: readers, id.Attempt: readers, id.Provider: readers, id.Offer: readers, id.LedgerEntry: readers,
		id.Schedule: watchers, id.Task: watchers, id.AuditEntry: admins,
		id.BulkOperation: readers,
	}
	for kind, allowed := range kinds {
		for _, role := range account.Roles() {
			nodeID := w.id(kind, 0).String()
			data := s.must(as(role, 1), `query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { __typename } }`,
				map[string]any{"id": nodeID})
			found := at(data, "node", "id") == nodeID
			if want := slices.Contains(allowed, role); found != want || (at(data, "nodes", 0) != nil) != want {
				t.Errorf("%s fetches kind %d: %v, want %v", role, kind, data, want)
			}
		}
	}
	if len(kinds) != 15 {
		t.Errorf("%d kinds are tested: %v", len(kinds), slices.Collect(maps.Keys(kinds)))
	}
}

func TestStrangersOnlySignIn(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	nobody := context.WithoutCancel(t.Context())

	for document, want := range map[string]string{
		`{ __typename }`: "",
		`mutation { __typename signIn(input: {username: "nobody", password: "wrong"}) { user { id username role } userErrors {
			field code message } } }`: "",
		`{ __schema { types { name } } }`:                  "UNAUTHENTICATED",
		`{ __type(name: "Order") { name } }`:               "UNAUTHENTICATED",
		`{ viewer { role } }`:                              "UNAUTHENTICATED",
		`{ orders { nodes { id } } }`:                      "UNAUTHENTICATED",
		`{ node(id: "x") { id } }`:                         "UNAUTHENTICATED",
		`mutation { signOut { userErrors { code } } }`:     "UNAUTHENTICATED",
		`subscription { statisticsUpdated { countedAt } }`: "UNAUTHENTICATED",
		`subscription { providerChanged(id: "x") { id } }`: "UNAUTHENTICATED",
	} {
		s.counter.since()
		answer := s.runContext(nobody, document, nil)
		if got := code(answer); got != want {
			t.Errorf("%s: code is %q, want %q: %v", document, got, want, answer)
		}
		if ran := s.counter.since(); want != "" && len(ran) > 0 {
			t.Errorf("%s: statements ran: %q", document, ran)
		}
	}
}

// An account's ids are to another account what unknown ones are.
func TestAccountsDontSeeEachOther(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	mine, theirs := world{account: 1, providers: 1, orders: 2}, world{account: 2, providers: 1, orders: 2}
	mine.fill(t, s.url)
	theirs.fill(t, s.url)
	me := as(account.Admin, 1)

	for kind := id.Account; kind <= id.BulkOperation; kind++ {
		nodeID := theirs.id(kind, 0).String()
		data := s.must(me, `query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }`, map[string]any{"id": nodeID})
		if at(data, "node") != nil || at(data, "nodes", 0) != nil {
			t.Errorf("kind %d of another account is found: %v", kind, data)
		}
	}
	variables := map[string]any{
		"order": theirs.id(id.Order, 0), "fulfillment": theirs.id(id.Fulfillment, 0), "provider": theirs.id(id.Provider, 0),
		"offer": theirs.id(id.Offer, 0), "schedule": theirs.id(id.Schedule, 0), "task": theirs.id(id.Task, 0),
		"key": theirs.id(id.APIKey, 0), "bulk": theirs.id(id.BulkOperation, 0),
	}
	data := s.must(me, `query($order: ID!, $fulfillment: ID!, $provider: ID!, $offer: ID!, $schedule: ID!, $task: ID!,
		$bulk: ID!) { bulkOperation(id: $bulk) { id }
		order(id: $order) { id } fulfillment(id: $fulfillment) { id } provider(id: $provider) { id } offer(id: $offer) { id }
		schedule(id: $schedule) { id } taskResult(id: $task) { id }
		events(filter: {orderId: $order}) { totalCount nodes { kind } }
		fulfillments(filter: {orderId: $order, providerId: $provider}) { totalCount nodes { id } }
		offers(filter: {providerId: $provider}) { totalCount nodes { id } }
		taskResults(filter: {orderId: $order}) { totalCount nodes { id } }
	}`, variables)
	for field, value := range data {
		if count := at(value, "totalCount"); value != nil && fmt.Sprint(count) != "0" {
			t.Errorf("%s of another account: %v", field, value)
		}
	}
	for field, document := range map[string]string{
		"cancelOrder": `mutation($order: ID!) { cancelOrder(input: {id: $order}) { order { id } userErrors { field code } } }`,
		"placeOrder":  `mutation($order: ID!) { placeOrder(input: {id: $order}) { order { id } userErrors { field code } } }`,
		"updateOrder": `mutation($order: ID!) { updateOrder(input: {id: $order, priority: 1}) { order { id } userErrors { field code } } }`,
		"holdOrder": `mutation($order: ID!) { holdOrder(input: {id: $order, name: "n", reason: "r"}) { order { id } userErrors {
			field code } } }`,
		"releaseOrder":  `mutation($order: ID!) { releaseOrder(input: {id: $order}) { order { id } userErrors { field code } } }`,
		"expediteOrder": `mutation($order: ID!) { expediteOrder(input: {id: $order}) { order { id } userErrors { field code } } }`,
		"addOrderNote": `mutation($order: ID!) { addOrderNote(input: {id: $order, text: "t"}) { order { id } userErrors {
			field code } } }`,
		"updateProvider": `mutation($provider: ID!) { updateProvider(input: {id: $provider, name: "mine"}) { provider { id }
			userErrors { field code } } }`,
		"pauseProvider": `mutation($provider: ID!) { pauseProvider(input: {id: $provider, reason: "r"}) { provider { id }
			userErrors { field code } } }`,
		"resumeProvider": `mutation($provider: ID!) { resumeProvider(input: {id: $provider}) { provider { id } userErrors {
			field code } } }`,
		"deleteProvider": `mutation($provider: ID!) { deleteProvider(input: {id: $provider}) { provider { id } userErrors {
			field code } } }`,
		"checkProvider": `mutation($provider: ID!) { checkProvider(input: {id: $provider}) { provider { id } userErrors {
			field code } } }`,
		"syncOffers": `mutation($provider: ID!) { syncOffers(input: {providerId: $provider, mode: APPLY}) { offerSync { id }
			userErrors { field code } } }`,
		"updateOffer": `mutation($offer: ID!) { updateOffer(input: {id: $offer, name: "mine"}) { offer { id } userErrors {
			field code } } }`,
		"enableOffers": `mutation($offer: ID!) { enableOffers(input: {ids: [$offer]}) { offers { id } userErrors { field code } } }`,
		"cancelOrders": `mutation($order: ID!) { cancelOrders(input: {ids: [$order]}) { bulkOperation { id } userErrors { field code } } }`,
		"cancelBulkOperation": `mutation($bulk: ID!) { cancelBulkOperation(input: {id: $bulk}) { bulkOperation { id } userErrors {
			field code } } }`,
		"revokeApiKey": `mutation($key: ID!) { revokeApiKey(input: {id: $key}) { apiKey { id } userErrors { field code } } }`,
	} {
		payload := at(s.must(me, document, variables), field)
		if got := at(payload, "userErrors", 0, "code"); got != "NOT_FOUND" {
			t.Errorf("%s: %v, want NOT_FOUND", field, payload)
		}
	}
	answer := s.run(me, `mutation($provider: ID!) { createOffer(input: {providerId: $provider, externalId: "e", name: "n", category: "c",
		serviceType: "s", unitPrice: {amount: 1, currency: EUR}}) { offer { id } userErrors { field code } } }`, variables)
	if got := at(answer, "data", "createOffer", "userErrors", 0); at(got, "code") != "NOT_FOUND" || at(got, "field", 0) != "providerId" {
		t.Errorf("createOffer for another account's provider: %v", answer)
	}
}

//nolint:paralleltest,tparallel // the subtests share what the stand counts
func TestValuesThatCantBe(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	const create = `mutation($input: CreateOrderInput!) { createOrder(input: $input) { userErrors { code } } }`
	order := func(field string, value any) map[string]any {
		input := map[string]any{
			"reference": "A", "category": "prints", "destination": map[string]any{},
			"lines": []any{map[string]any{"serviceType": "s", "quantity": 1}},
		}
		input[field] = value
		return map[string]any{"input": input}
	}
	for name, tt := range map[string]struct {
		document  string
		variables map[string]any
		want      string
	}{
		"decimal":           {create, order("budget", map[string]any{"amount": "much", "currency": "EUR"}), "BAD_USER_INPUT"},
		"currency in lower": {create, order("budget", map[string]any{"amount": "1", "currency": "eur"}), "BAD_USER_INPUT"},
		"country in lower":  {create, order("destination", map[string]any{"countryCode": "gb"}), "BAD_USER_INPUT"},
		"time":              {create, order("deadline", "tomorrow"), "BAD_USER_INPUT"},
		"number for a text": {create, order("reference", 5), "BAD_USER_INPUT"},
		"text for a number": {create, order("priority", "5"), "BAD_USER_INPUT"},
		"fraction":          {create, order("priority", 1.5), "BAD_USER_INPUT"},
		"beyond 32 bits":    {create, order("priority", 4294967296), "BAD_USER_INPUT"},
		"missing":           {create, map[string]any{"input": map[string]any{}}, "BAD_USER_INPUT"},
		"unknown field":     {create, order("color", "red"), "BAD_USER_INPUT"},
		"duration": {`subscription($d: Duration) { statisticsUpdated(every: $d) { countedAt }
			}`, map[string]any{"d": "5s"}, "BAD_USER_INPUT"},
		"literal time":        {`{ orders(filter: {createdAfter: "now"}) { nodes { id } } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		"literal duration":    {`subscription { statisticsUpdated(every: "P1Y") { countedAt } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		"literal number":      {`{ orders(first: 99999999999999999999) { nodes { id } } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		"unknown enumeration": {`{ orders(filter: {status: [LOST]}) { nodes { id } } }`, nil, "GRAPHQL_VALIDATION_FAILED"},
		"syntax":              {`{ orders`, nil, "GRAPHQL_PARSE_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.run(as(account.Admin, 1), tt.document, tt.variables)
			if got := code(answer); got != tt.want {
				t.Errorf("code is %q, want %q: %v", got, tt.want, answer)
			}
			if at(answer, "errors", 0, "extensions", "requestId") != "req-1" || at(answer, "errors", 0, "extensions",
				"retryable") != false {
				t.Errorf("extensions: %v", answer)
			}
		})
	}
}
