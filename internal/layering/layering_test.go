package layering_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/internal/layering"
)

const root = "../.."

func TestPackagesKeepToTheirLayer(t *testing.T) {
	t.Parallel()

	packages := list(t)
	if len(packages) == 0 {
		t.Fatal("go list found no package")
	}
	for _, p := range packages {
		for _, violation := range layering.Violations(p.ImportPath, p.Imports) {
			t.Error(violation)
		}
	}
}

func TestViolations(t *testing.T) {
	t.Parallel()

	tests := map[string]struct {
		pkg, imported string
		want          string
	}{
		"core and its library":          {"order", "github.com/govalues/decimal", ""},
		"core and a leaf":               {"order", "internal/id", ""},
		"core and another core":         {"order", "task", "layer pure may not"},
		"core and a foreign library":    {"schedule", "github.com/sethvargo/go-retry", "layer pure may not"},
		"core and the network":          {"order", "net/http", "layer pure may not"},
		"core and addresses":            {"order", "net/url", ""},
		"routing and orders":            {"routing", "order", ""},
		"store and pgx":                 {"store", "github.com/jackc/pgx/v5", ""},
		"generated queries and pgx":     {"store/internal/db", "github.com/jackc/pgx/v5", ""},
		"resolvers and pgx":             {"resolvers", "github.com/jackc/pgx/v5", "only store runs SQL"},
		"server and SQL":                {"server", "database/sql", "only store runs SQL"},
		"server and Redis":              {"server", "github.com/redis/go-redis/v9", "only live, worker and limit speak to Redis"},
		"live and Redis":                {"live", "github.com/redis/go-redis/v9", ""},
		"live and history":              {"live", "store", "layer redis may not"},
		"use case and transport":        {"fulfillment", "github.com/gorilla/websocket", "GraphQL ends at resolvers and server"},
		"use case and hub":              {"fulfillment", "live", "layer use-cases may not"},
		"use case and worker":           {"access", "worker", "layer use-cases may not"},
		"worker and interface":          {"worker", "providerapi", ""},
		"worker and adapter":            {"worker", "providerapi/boostress", "layer worker may not"},
		"adapter and adapter":           {"providerapi/boostress", "providerapi/example", "layer adapters may not"},
		"adapter and wire format":       {"providerapi/boostress", "providerapi/protocol", ""},
		"interface and store":           {"providerapi", "store", "layer providerapi may not"},
		"sandbox and interface":         {"providerapi/sandbox", "providerapi", "layer sandbox may not"},
		"sandbox and the core":          {"providerapi/sandbox", "order", "layer sandbox may not"},
		"kit and interface":             {"providerapi/providertest", "providerapi", ""},
		"kit and adapter":               {"providerapi/providertest", "providerapi/boostress", "layer kit may not"},
		"kit and wire format":           {"providerapi/providertest", "providerapi/protocol", "layer kit may not"},
		"adapter and kit":               {"providerapi/boostress", "providerapi/providertest", "layer adapters may not"},
		"resolvers and worker":          {"resolvers", "worker", "layer resolvers may not"},
		"server and store":              {"server", "store", "layer server may not"},
		"server and playground":         {"server", "playground", ""},
		"client and server":             {"client", "graph", "layer leaves may not"},
		"leaf and store":                {"internal/id", "store", "layer leaves may not"},
		"product and what tests run on": {"server", "internal/devstack", "layer server may not"},
		"product and its own client":    {"worker", "internal/gqlclient", "layer worker may not"},
		"command and client":            {"cmd/boostress", "internal/gqlclient", ""},
		"command and adapter":           {"cmd/boostress", "providerapi/boostress", ""},
		"anyone and command":            {"bench", "cmd/boostress", "nothing imports cmd"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			imported := tt.imported
			if owned(imported) {
				imported = layering.Module + "/" + imported
			}
			var want []string
			if tt.want != "" {
				want = []string{tt.pkg + " imports " + imported + ": " + tt.want}
			}
			got := layering.Violations(layering.Module+"/"+tt.pkg, []string{imported})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownPackageIsAViolation(t *testing.T) {
	t.Parallel()

	if got := layering.Violations(layering.Module+"/helpers", nil); len(got) != 1 {
		t.Errorf("violations = %q, want one", got)
	}
}

// The linter's table is another form of ours, for the editor; this keeps the two from drifting apart.
func TestLinterHoldsTheSameTable(t *testing.T) {
	t.Parallel()

	rules := linterRules(t)
	for _, layer := range layering.Layers() {
		if !layer.Mirrored {
			continue
		}
		rule, ok := rules[layer.Name]
		if !ok {
			t.Errorf("depguard has no rule %q", layer.Name)
			continue
		}
		want := append([]string{"internal/..."}, layer.Imports...)
		for _, library := range layer.Libraries {
			want = append(want, strings.Replace(library, "std", "$gostd", 1))
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, rule.allowed()); diff != "" {
			t.Errorf("depguard rule %q (-table +rule):\n%s", layer.Name, diff)
		}
	}
}

type listed struct {
	ImportPath string   `json:"ImportPath"`
	Imports    []string `json:"Imports"`
}

func list(t *testing.T) []listed {
	t.Helper()

	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, failure.String())
	}

	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		packages = append(packages, p)
	}
}

// owned reports whether a path of the table above is one of ours: those of others have a dot, but for two of Go's.
func owned(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".") && first != "net" && first != "database"
}

type linterRule struct {
	Allow []string `yaml:"allow"`
}

// allowed gives the rule's list in the form of the table.
func (r linterRule) allowed() []string {
	paths := make([]string, 0, len(r.Allow))
	for _, entry := range r.Allow {
		path := strings.TrimPrefix(strings.TrimSuffix(entry, "$"), layering.Module+"/")
		if strings.HasSuffix(path, "/") {
			path += "..."
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

func linterRules(t *testing.T) map[string]linterRule {
	t.Helper()

	content, err := os.ReadFile(root + "/.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]linterRule `yaml:"rules"`
				} `yaml:"depguard"`
			} `yaml:"settings"`
		} `yaml:"linters"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		t.Fatalf("parse .golangci.yml: %v", err)
	}
	return config.Linters.Settings.Depguard.Rules
}
