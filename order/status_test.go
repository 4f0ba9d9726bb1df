package order_test

import (
	"slices"
	"testing"

	"github.com/boostress/boostress/order"
)

// situation is one combination of all that an order's status is derived from.
type situation struct {
	open      bool   // something is open
	touched   bool   // of that: something is, or may be, at a provider
	canceling bool   // of that: a cancellation is asked for and not answered
	delivered string // none, part, all
	failed    bool
	canceled  bool // a part was
	asked     bool // cancelOrder was called
	expired   bool
}

func situations() (all []situation) {
	both := []bool{false, true}
	for _, open := range both {
		for _, touched := range both {
			for _, canceling := range both {
				if (touched || canceling) && !open {
					continue
				}
				for _, delivered := range []string{"none", "part", "all"} {
					for flags := range 16 {
						all = append(all, situation{
							open, touched, canceling, delivered, flags&1 > 0, flags&2 > 0, flags&4 > 0, flags&8 > 0,
						})
					}
				}
			}
		}
	}
	return all
}

// derive builds the tally of a situation and asks for the status.
func derive(s situation) order.Status {
	tally := order.Tally{Quantity: 9, Delivered: map[string]int{"none": 0, "part": 4, "all": 9}[s.delivered]}
	if s.open {
		tally.Open, tally.Untouched = 2, 2
	}
	if s.touched {
		tally.Untouched = 1
	}
	if s.canceling {
		tally.Canceling = 1
	}
	if s.failed {
		tally.Failed = 1
	}
	if s.canceled {
		tally.Canceled = 1
	}
	return order.Derive(tally, order.Flags{CancelAsked: s.asked, Expired: s.expired})
}

// rule is a row of the truth table; its columns are those of a situation, each "yes", "no", "none", "part", "all",
// "some" (part or all), "short" (none or part), or "" for any.
type rule struct {
	open, touched, canceling, delivered, failed, canceled, asked, expired string
	status                                                                order.Status
}

// truthTable is the whole rule, written so that exactly one row is about each situation. docs/states.md shows it.
func truthTable() []rule {
	return []rule{
		{"yes", "", "yes", "", "", "", "yes", "", order.Canceling},
		{"yes", "", "yes", "some", "", "", "no", "", order.PartiallyFulfilled},
		{"yes", "", "no", "some", "", "", "", "", order.PartiallyFulfilled},
		{"yes", "yes", "yes", "none", "", "", "no", "", order.Processing},
		{"yes", "yes", "no", "none", "", "", "", "", order.Processing},
		{"yes", "no", "yes", "none", "yes", "", "no", "", order.Processing},
		{"yes", "no", "no", "none", "yes", "", "", "", order.Processing},
		{"yes", "no", "yes", "none", "no", "yes", "no", "", order.Processing},
		{"yes", "no", "no", "none", "no", "yes", "", "", order.Processing},
		{"yes", "no", "yes", "none", "no", "no", "no", "", order.Pending},
		{"yes", "no", "no", "none", "no", "no", "", "", order.Pending},
		{"no", "", "", "all", "", "", "", "", order.Fulfilled},
		{"no", "", "", "short", "", "", "yes", "", order.Canceled},
		{"no", "", "", "short", "", "", "no", "yes", order.Expired},
		{"no", "", "", "part", "yes", "", "no", "no", order.PartiallyFailed},
		{"no", "", "", "none", "yes", "", "no", "no", order.Failed},
		{"no", "", "", "part", "no", "", "no", "no", order.PartiallyFulfilled},
		{"no", "", "", "none", "no", "", "no", "no", order.Canceled},
	}
}

func (r rule) covers(s situation) bool {
	truth := map[bool]string{true: "yes", false: "no"}
	amounts := map[string][]string{"some": {"part", "all"}, "short": {"none", "part"}}
	for _, column := range []struct{ want, got string }{
		{r.open, truth[s.open]},
		{r.touched, truth[s.touched]},
		{r.canceling, truth[s.canceling]},
		{r.failed, truth[s.failed]},
		{r.canceled, truth[s.canceled]},
		{r.asked, truth[s.asked]},
		{r.expired, truth[s.expired]},
	} {
		if column.want != "" && column.want != column.got {
			return false
		}
	}
	return r.delivered == "" || r.delivered == s.delivered || slices.Contains(amounts[r.delivered], s.delivered)
}

func TestDerive(t *testing.T) {
	t.Parallel()
	table := truthTable()
	used := make([]int, len(table))
	for _, s := range situations() {
		var matching []int
		for i, row := range table {
			if row.covers(s) {
				matching = append(matching, i)
			}
		}
		if len(matching) != 1 {
			t.Errorf("%+v is in rows %v, want exactly one", s, matching)
			continue
		}
		used[matching[0]]++
		if got, want := derive(s), table[matching[0]].status; got != want {
			t.Errorf("%+v: %s, want %s", s, got, want)
		}
	}
	if i := slices.Index(used, 0); i >= 0 {
		t.Errorf("row %d is about nothing", i)
	}
}

func TestStatusesAreAllDerived(t *testing.T) {
	t.Parallel()
	seen := map[order.Status]bool{order.Drafted: true} // the one that is before an order is placed
	for _, s := range situations() {
		seen[derive(s)] = true
	}
	for _, status := range order.Statuses() {
		if !seen[status] {
			t.Errorf("nothing leads to %s", status)
		}
		delete(seen, status)
	}
	for status := range seen {
		t.Errorf("%s is not listed", status)
	}
}
