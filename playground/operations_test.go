package playground_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// The tabs and the sign-in must keep to the schema.
func TestOperationsAreValid(t *testing.T) {
	t.Parallel()

	schema := loadSchema(t)
	documents, err := fs.Glob(os.DirFS("src"), "*/*.graphql")
	if err != nil || len(documents) < 17 {
		t.Fatalf("found %d operations (%v), want the fourteen tabs and the three of the session", len(documents), err)
	}
	for _, name := range documents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			text, err := os.ReadFile("src/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := gqlparser.LoadQueryWithRules(schema, string(text), rules.NewDefaultRules()); err != nil {
				t.Error(err)
			}
		})
	}
}

// The first client's words are a promise, but for the names that give the tabs their titles.
func TestFirstTabsAreTheFirstClient(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]string{
		"createOrder": `mutation CreateOrder { createOrder(input: {
			reference: "A-1001", idempotencyKey: "a-1001", category: "prints",
			destination: {name: "Ada", countryCode: GB, attributes: {email: "ada@example.com"}},
			budget: {amount: "50.00", currency: EUR}, deadline: "2099-01-31T00:00:00Z",
			lines: [{serviceType: "poster-a3", quantity: 2, attributes: {file: "https://example.com/a.pdf"}}]
		}) { order { id status reference eventCursor } userErrors { field code message } } }`,
		"orderChanged": `subscription OrderChanged { orderChanged(id: "…") { cursor kind sequence order { status
			spent { amount currency } fulfillments(first: 10) { nodes { status provider { name } externalId } } } } }`,
	} {
		text, err := os.ReadFile("src/operations/" + name + ".graphql")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := words(string(text)), words(want); got != want {
			t.Errorf("%s = %s\nwant %s", name, got, want)
		}
	}
}

// words drops comments and evens out white space.
func words(document string) string {
	var kept []string
	for line := range strings.Lines(document) {
		if !strings.HasPrefix(line, "#") {
			kept = append(kept, strings.Fields(line)...)
		}
	}
	return strings.Join(kept, " ")
}

func loadSchema(t *testing.T) *ast.Schema {
	t.Helper()

	text, err := os.ReadFile("../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
