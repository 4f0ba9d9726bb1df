package resolvers_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/account"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Every file testdata/*.graphql is run as an admin of a small world; its answer must be the file .json beside it.
//
//nolint:paralleltest,tparallel // the subtests share what the stand counts
func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 2, orders: 3}.fill(t, s.url)
	s.countStatuses()

	files, err := filepath.Glob("testdata/*.graphql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".graphql"), func(t *testing.T) {
			document, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := pretty(t, s.run(as(account.Admin, 1), string(document), nil))
			golden := strings.TrimSuffix(file, ".graphql") + ".json"
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("answer (-golden +got):\n%s", diff)
			}
		})
	}
}

func pretty(t testing.TB, answer map[string]any) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(answer); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}
