package order_test

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/order"
)

// check holds everything to what must always be true.
func (m *model) check(t *rapid.T) {
	m.checkEvents(t)
	m.checkMoney(t)
	m.checkQuantities(t)
	m.checkStatus(t)
	m.checkLoads(t)
}

// checkLoads counts anew what each provider holds.
func (m *model) checkLoads(t *rapid.T) {
	open := map[uuid.UUID]int{}
	for _, f := range m.rows {
		if f.Status.Occupies() {
			open[*f.ProviderID]++
		}
	}
	for _, provider := range m.providers {
		if m.occupied[provider] != open[provider] {
			t.Fatalf("a provider holds %d, and %d are counted", open[provider], m.occupied[provider])
		}
	}
}

// checkEvents replays the changes of all events: they must lead to what the rows show, step by allowed step.
func (m *model) checkEvents(t *rapid.T) {
	shown := map[string]string{}
	finished, reopened := map[time.Time]bool{}, 0
	for i, event := range m.events {
		if event.Sequence != i+1 {
			t.Fatalf("event %d has number %d", i+1, event.Sequence)
		}
		for _, change := range event.Changes {
			name := change.Field
			if strings.HasPrefix(name, "fulfillment.") {
				name += event.FulfillmentID.String()
			}
			before, after := text(change.Before), text(change.After)
			if was, known := shown[name]; known && was != before && name != "note" || before == after {
				t.Fatalf("event %d says that %s was %q and is %q; it was %q", i+1, name, before, after, was)
			}
			if change.Field == "fulfillment.status" && !order.FulfillmentStatus(before).CanBecome(order.FulfillmentStatus(after)) {
				t.Fatalf("event %d: %s after %s", i+1, after, before)
			}
			shown[name] = after
		}
		if at := event.Snapshot.FinishedAt; at != nil {
			finished[*at] = true
		} else if i > 0 && m.events[i-1].Snapshot.FinishedAt != nil {
			reopened++
		}
	}
	if m.order.Sequence != len(m.events) || len(finished) > 1+reopened {
		t.Fatalf("the order is at %d after %d events, and finished at %v", m.order.Sequence, len(m.events), finished)
	}
	last := m.events[len(m.events)-1]
	then := last.OrderAt()
	then.Destination, then.CancelAsked, then.Expired = m.order.Destination, m.order.CancelAsked, m.order.Expired
	if diff := cmp.Diff(m.order, *then, exact()); diff != "" {
		t.Fatalf("the last event's order (-row +event):\n%s", diff)
	}
	m.compareShown(t, shown)
}

func (m *model) compareShown(t *rapid.T, shown map[string]string) {
	m.compareSettings(t, shown)
	want := map[string]string{
		"status": string(m.order.Status), "attention": m.order.Attention, "delivered": strconv.Itoa(m.order.Delivered),
		"reserved": plain(m.order.Reserved), "spent": plain(m.order.Spent), "overcharge": plain(m.order.Overcharge),
	}
	for rowID, f := range m.rows {
		provider := ""
		if f.ProviderID != nil {
			provider = f.ProviderID.String()
		}
		for field, value := range map[string]string{
			"status": string(f.Status), "provider": provider, "externalId": f.ExternalID, "externalStatus": f.ExternalStatus,
			"delivered": strconv.Itoa(f.Delivered), "charged": plain(f.Charged), "failure": f.Failure, "attention": f.Attention,
		} {
			want["fulfillment."+field+rowID.String()] = value
		}
	}
	initial := map[string]bool{"": true, "0": true, string(order.FulfillmentPending): true, string(order.FulfillmentScheduled): true}
	for name, value := range want {
		if was, known := shown[name]; known && was != value || !known && !initial[value] {
			t.Fatalf("%s is %q, and the events say %q", name, value, was)
		}
	}
}

func plain(value decimal.Decimal) string { return value.Trim(0).String() }

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

func (m *model) checkMoney(t *rapid.T) {
	type sums struct{ reserved, spent, overcharge decimal.Decimal }
	var whole sums
	parts := map[uuid.UUID]sums{}
	for _, e := range m.entries {
		whole = sums{add(t, whole.reserved, e.Reserved), add(t, whole.spent, e.Spent), add(t, whole.overcharge, e.Overcharge)}
		part := parts[e.FulfillmentID]
		parts[e.FulfillmentID] = sums{
			add(t, part.reserved, e.Reserved), add(t, part.spent, e.Spent), add(t, part.overcharge, e.Overcharge),
		}
	}
	// What was before may have been under a higher one.
	if m.order.Budget != nil && add(t, whole.reserved, whole.spent, whole.overcharge.Neg()).Cmp(*m.order.Budget) > 0 {
		t.Fatalf("%s + %s − %s is above the budget of %s", whole.reserved, whole.spent, whole.overcharge, m.order.Budget)
	}
	o := m.order
	if diff := cmp.Diff(whole, sums{o.Reserved, o.Spent, o.Overcharge}, exact(), cmp.AllowUnexported(sums{})); diff != "" {
		t.Fatalf("the order is not the sum of its ledger (-ledger +order):\n%s", diff)
	}
	for _, f := range m.rows {
		if diff := cmp.Diff(parts[f.ID], sums{f.Reserved, f.Charged, f.Overcharge}, exact(), cmp.AllowUnexported(sums{})); diff != "" {
			t.Fatalf("a fulfillment is not the sum of its ledger (-ledger +fulfillment):\n%s", diff)
		}
		switch {
		case f.SLAAt != nil && (f.SLA == 0 || f.ProviderID == nil || f.Status.Final() || f.Status == order.FulfillmentRetryWait):
			t.Fatalf("progress is expected of what nobody works on: %+v", f)
		case f.Status == order.FulfillmentFailed && f.Attention == "" && !m.hasReplacement(&f):
			t.Fatalf("failed, and nobody is told: %+v", f)
		case f.Reserved.IsNeg(), f.Charged.IsNeg(), f.Overcharge.IsNeg(), f.Overcharge.Cmp(f.Charged) > 0:
			t.Fatalf("impossible sums: %+v", f)
		case !f.Reserved.IsZero() && (f.Status.Untouched() || f.Status.Final() && !f.AwaitsCharge()):
			t.Fatalf("%s is reserved for what is %s", f.Reserved, f.Status)
		}
	}
	m.checkPrices(t)
	m.checkDays(t)
	if flagged := o.Attention != ""; o.Overcharge.IsPos() && !flagged {
		t.Fatal("an overcharge, and no flag")
	}
	m.checkOvercharged(t)
}

// checkPrices: what is reserved for a fulfillment and what was taken of that is never above its price.
func (m *model) checkPrices(t *rapid.T) {
	for _, f := range m.rows {
		price, err := order.Money{Amount: f.UnitPrice, Currency: "EUR"}.Times(f.Quantity)
		must(t, err)
		if add(t, f.Reserved, f.Charged, f.Overcharge.Neg()).Cmp(price.Amount) > 0 {
			t.Fatalf("more than its price of %s: %+v", price, f)
		}
	}
}

// checkOvercharged: an event of its own for every charge above what was reserved.
func (m *model) checkOvercharged(t *rapid.T) {
	before := decimal.Zero
	for _, event := range m.events {
		over := event.Snapshot.Overcharge
		if rises := over.Cmp(before) > 0; rises != (event.Kind == order.EventOvercharged) {
			t.Fatalf("event %d is %s, the overcharge %s after %s", event.Sequence, event.Kind, over, before)
		}
		before = over
	}
}

func add(t *rapid.T, amounts ...decimal.Decimal) decimal.Decimal {
	total, err := order.Sum(amounts...)
	must(t, err)
	return total
}

func (m *model) checkQuantities(t *rapid.T) {
	delivered := 0
	for _, line := range m.lines {
		taken := 0
		for _, f := range m.rows {
			switch {
			case f.Delivered < 0 || f.Delivered > f.Quantity || f.Quantity < 1:
				t.Fatalf("impossible quantities: %+v", f)
			case f.Status == order.FulfillmentFulfilled && f.Delivered != f.Quantity:
				t.Fatalf("fulfilled, and not delivered: %+v", f)
			case f.LineID != line.ID:
			case f.Status.Live():
				taken += f.Quantity
			default:
				taken += f.Delivered
			}
			if f.LineID == line.ID {
				delivered += f.Delivered
			}
		}
		if taken > line.Quantity {
			t.Fatalf("%d units are on their way or delivered, of a line of %d", taken, line.Quantity)
		}
	}
	if delivered != m.order.Delivered || delivered > m.order.Quantity {
		t.Fatalf("%d delivered of %d, the order says %d", delivered, m.order.Quantity, m.order.Delivered)
	}
	for _, f := range m.rows {
		if f.ReplacesID == nil {
			continue
		}
		replaced := m.rows[*f.ReplacesID]
		excluded := replaced.Status != order.FulfillmentRejected || slices.Contains(f.Excluded, *replaced.ProviderID)
		if !excluded || !slices.Equal(f.Excluded[:min(len(f.Excluded), len(replaced.Excluded))], replaced.Excluded) ||
			f.ProviderID != nil && slices.Contains(f.Excluded, *f.ProviderID) || !replaced.Status.Final() {
			t.Fatalf("%+v replaces %+v", f, replaced)
		}
	}
}

// checkStatus derives the order's status by counting anew.
func (m *model) checkStatus(t *rapid.T) {
	tally := order.Tally{Quantity: m.order.Quantity, Delivered: m.order.Delivered}
	for _, f := range m.rows {
		switch {
		case f.Status == order.FulfillmentFailed && !m.hasReplacement(&f):
			tally.Failed++
		case f.Status == order.FulfillmentCanceled && !m.hasReplacement(&f):
			tally.Canceled++
		case !f.Status.Final():
			tally.Open++
		}
		if waits := f.Status.Untouched() || f.Status == order.FulfillmentRetryWait; waits && (m.order.CancelAsked || m.order.Expired) {
			t.Fatalf("the order is being ended, and something is still to be started: %+v", f)
		}
		if f.Status.Untouched() {
			tally.Untouched++
		}
		if !f.Status.Final() && (f.CancelAsked || f.Status == order.FulfillmentCancelRequested) {
			tally.Canceling++
		}
	}
	draft := m.events[len(m.events)-1].Snapshot.Status == order.Drafted
	want := order.Derive(tally, order.Flags{Draft: draft, CancelAsked: m.order.CancelAsked, Expired: m.order.Expired})
	if draft && len(m.rows) > 0 {
		t.Fatalf("a draft has fulfillments: %+v", m.rows)
	}
	if m.order.Status != want || (m.order.FinishedAt != nil) != (tally.Open == 0 && !draft) {
		t.Fatalf("the order is %s, finished %v, its fulfillments say %s (%+v)", m.order.Status, m.order.FinishedAt, want, tally)
	}
}
