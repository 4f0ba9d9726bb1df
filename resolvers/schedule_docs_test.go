package resolvers_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/boostress/boostress/account"
)

// What the documentation has to paste works as it stands there.
func TestExamplesOfSchedules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/schedules.md")
	if err != nil {
		t.Fatal(err)
	}
	tab, err := os.ReadFile("../playground/src/operations/createSchedule.graphql")
	if err != nil {
		t.Fatal(err)
	}
	create, _, _ := strings.Cut(string(tab), "query PreviewSchedule")
	examples := map[string]string{"the playground's": create}
	for _, block := range regexp.MustCompile("(?s)```graphql\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		examples[strings.SplitN(block[1], "\n", 3)[1]] = block[1]
	}
	if len(examples) < 4 {
		t.Fatalf("%d examples", len(examples))
	}
	for name, document := range examples {
		t.Run(strings.TrimSpace(name), func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			world{account: 1}.fill(t, s.url)
			for field, payload := range s.must(as(account.Operator, 1), document, nil) {
				if faults := list(payload, "userErrors"); len(faults) > 0 {
					t.Errorf("%s: %v", field, faults)
				}
			}
		})
	}
}
