package resolvers_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/order"
)

// The core's words travel as they are: one that the schema lacks would break every client that meets it.
func TestEnumerationsAreTheCores(t *testing.T) {
	t.Parallel()
	schema := newStand(t).root.Schema().Schema()
	values := func(enumeration string) []string {
		var names []string
		for _, value := range schema.Types[enumeration].EnumValues {
			names = append(names, value.Name)
		}
		slices.Sort(names)
		return names
	}

	for enumeration, core := range map[string]struct{ folder, typeName string }{
		"AttemptClass":          {"order", "Class"},
		"AttemptOperation":      {"order", "Operation"},
		"AttemptState":          {"order", "AttemptState"},
		"BulkOperationKind":     {"order", "BulkKind"},
		"BulkOperationState":    {"order", "BulkState"},
		"BulkRowOutcome":        {"order", "BulkOutcome"},
		"DeadlineAction":        {"order", "DeadlineAction"},
		"FulfillmentResolution": {"order", "Resolution"},
		"FulfillmentResultKind": {"order", "ResultKind"},
		"FulfillmentStatus":     {"order", "FulfillmentStatus"},
		"LedgerEntryKind":       {"order", "EntryKind"},
		"OrderEventKind":        {"order", "EventKind"},
		"OrderStatus":           {"order", "Status"},
		"PacingMode":            {"order", "PacingMode"},
		"Role":                  {"account", "Role"},
		"RoutingReason":         {"routing", "Reason"},
		"Reconciliation":        {"order", "Reconciliation"},

		"RoutingLateAction": {"routing", "LateAction"}, "RoutingPolicyState": {"routing", "State"}, "RoutingScorerKind": {"routing", "Kind"},

		"ScheduleMisfire": {"schedule", "Misfire"},
		"ScheduleOverlap": {"schedule", "Overlap"},
		"ScheduleRule":    {"schedule", "Kind"},
		"ScheduleStatus":  {"schedule", "Status"},
		"TaskErrorClass":  {"task", "ErrorClass"},
		"TaskKind":        {"task", "Kind"},
		"TaskState":       {"task", "State"},
		"UserErrorCode":   {"order", "Code"},
		"Weekday":         {"order", "Weekday"},
	} {
		if diff := cmp.Diff(constantsOf(t, core.folder, core.typeName), values(enumeration)); diff != "" {
			t.Errorf("%s (-%s.%s +schema):\n%s", enumeration, core.folder, core.typeName, diff)
		}
	}
	if diff := cmp.Diff(order.Currencies(), values("CurrencyCode")); diff != "" {
		t.Errorf("CurrencyCode (-core +schema):\n%s", diff)
	}
	if diff := cmp.Diff(order.Countries(), values("CountryCode")); diff != "" {
		t.Errorf("CountryCode (-core +schema):\n%s", diff)
	}
}

// constantsOf reads the texts of a type's constants from the source, sorted.
func constantsOf(t *testing.T, folder, typeName string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if name, ok := spec.Type.(*ast.Ident); ok && name.Name == typeName && len(spec.Values) == 1 {
				if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
					text, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					texts = append(texts, text)
				}
			}
			return false
		})
	}
	slices.Sort(texts)
	return texts
}
