package store

import "time"

// Rules names every rule of the invariants, those of the ledger included.
func Rules() (names []string) {
	for _, one := range append(rules(time.Second), ledgerRules()...) {
		names = append(names, one.must)
	}
	return names
}
