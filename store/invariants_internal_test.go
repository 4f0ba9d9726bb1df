package store

import (
	"strings"
	"testing"

	"github.com/boostress/boostress/order"
)

// TestInvariantsKnowTheStates holds the lists of states in the rules to those of the core.
func TestInvariantsKnowTheStates(t *testing.T) {
	t.Parallel()
	var final, untouched []string
	for _, status := range order.FulfillmentStatuses() {
		if status.Final() {
			final = append(final, "'"+string(status)+"'")
		}
		if status.Untouched() {
			untouched = append(untouched, "'"+string(status)+"'")
		}
	}
	for _, list := range []struct {
		sql  string
		core []string
	}{{finalStates, final}, {untouchedStates, untouched}} {
		for _, state := range list.core {
			if !strings.Contains(list.sql, state) {
				t.Errorf("%s lacks %s", list.sql, state)
			}
		}
		if listed := strings.Count(list.sql, ",") + 1; listed != len(list.core) {
			t.Errorf("%s lists %d states, the core %d", list.sql, listed, len(list.core))
		}
	}
}
