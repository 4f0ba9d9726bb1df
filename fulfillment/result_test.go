package fulfillment_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
)

// handOver has a fulfillment's provider hand things over.
func (s *stand) handOver(f *order.Fulfillment, results ...order.ExternalResult) {
	s.t.Helper()
	said := seen(f.ExternalID, order.ExternalInProgress, 0, nil)
	said.Results = results
	s.observe(f, said)
}

func (s *stand) results(f *order.Fulfillment) []*order.Result {
	s.t.Helper()
	found, err := s.store.Results(s.ctx(), s.who.AccountID, []uuid.UUID{f.ID})
	must(s.t, err)
	return found[f.ID]
}

func (s *stand) wantReveal(who account.Principal, result *order.Result, value, url string) {
	s.t.Helper()
	gotValue, gotURL, err := s.RevealResult(s.ctx(), who, result.ID)
	if err != nil || gotValue != value || gotURL != url {
		s.t.Errorf("revealed %q %q, %v; want %q %q", gotValue, gotURL, err, value, url)
	}
}

// counts tells how many events and audit entries there are of results.
func (s *stand) counts() [2]int64 {
	s.t.Helper()
	return [2]int64{
		query[int64](s, "SELECT count(*) FROM events WHERE kind = 'RESULT_ADDED'")[0],
		query[int64](s, "SELECT count(*) FROM audit_entries WHERE action = 'fulfillmentResult.reveal'")[0],
	}
}

func TestResultsAreKeptOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	o, f := s.submitted(nil)
	parcel := order.ExternalResult{
		ID: "p1", Kind: order.ResultTracking, Label: "Parcel", Value: "SX1", URL: "https://track.example/SX1", Carrier: "Express",
	}
	for range 2 {
		s.handOver(f, parcel, parcel)
	}
	kept := s.results(f)
	if len(kept) != 1 || kept[0].Value != "SX1" || kept[0].URL != parcel.URL || kept[0].Carrier != "Express" || kept[0].Secret {
		t.Fatalf("kept %+v", kept)
	}
	parcel.Value, parcel.URL = "SX2", "javascript:alert(1)"
	s.handOver(f, parcel)
	again := s.results(f)
	if len(again) != 1 || again[0].ID != kept[0].ID || again[0].Value != "SX2" || again[0].URL != "" ||
		!again[0].CreatedAt.Equal(kept[0].CreatedAt) || !again[0].UpdatedAt.After(kept[0].UpdatedAt) {
		t.Errorf("changed to %+v", again[0])
	}
	s.handOver(f) // nothing said is nothing taken away
	if len(s.results(f)) != 1 || s.counts() != [2]int64{2, 0} {
		t.Errorf("%d results, %v events and reads", len(s.results(f)), s.counts())
	}
	told := query[string](s, "SELECT changes::text FROM events WHERE kind = 'RESULT_ADDED' AND order_id = $1", o.ID)
	if !strings.Contains(told[0], "TRACKING Parcel") || strings.Contains(strings.Join(told, ""), "SX") {
		t.Errorf("events tell %v", told)
	}

	s.observe(f, seen(f.ExternalID, order.ExternalPartial, 1, nil))
	parcel.Value = "SX0" // said before, and only heard now
	s.handOver(f, parcel)
	if late := s.results(f); late[0].Value != "SX2" || s.counts() != [2]int64{2, 0} {
		t.Errorf("an outdated observation made it %+v", late[0])
	}

	// What comes with the answer to the creation counts as well, and at the end.
	second := s.place(nil)
	answer := accepted("x-second")
	answer.Order = seen("x-second", order.ExternalFulfilled, 2, money("10"))
	answer.Order.Results = []order.ExternalResult{parcel}
	s.record(s.step(fulfillment.StepCreate), answer)
	if kinds := s.kinds(second); kinds[len(kinds)-1] != string(order.EventResultAdded) || len(s.results(s.fulfillment(second))) != 1 {
		t.Errorf("at once: %v", kinds)
	}
}

func TestSecretResultsAreSealed(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	_, f := s.submitted(nil)
	card := order.ExternalResult{
		ID: "c1", Kind: order.ResultCode, Label: "Gift card", Value: "HUSH-1", URL: "https://shop.example/HUSH-1", Secret: true,
	}
	for range 2 {
		s.handOver(f, card)
	}
	kept := s.results(f)
	if len(kept) != 1 || !kept[0].Secret || kept[0].Value != "" || kept[0].URL != "" || strings.Contains(string(kept[0].Sealed), "HUSH") {
		t.Fatalf("kept %+v", kept)
	}
	if s.counts() != [2]int64{1, 0} {
		t.Errorf("%v events and reads", s.counts())
	}
	for range 2 {
		s.wantReveal(s.who, kept[0], "HUSH-1", card.URL)
	}
	card.Value, card.Secret = "HUSH-2", false // once secret, always secret
	s.handOver(f, card)
	if after := s.results(f); len(after) != 1 || after[0].Value != "" || !after[0].Secret {
		t.Errorf("kept %+v", after)
	}
	s.wantReveal(s.who, kept[0], "HUSH-2", card.URL)
	if s.counts() != [2]int64{2, 3} {
		t.Errorf("%v events and reads", s.counts())
	}
	for _, table := range []string{"events", "audit_entries", "fulfillment_results", "task_results", "attempts", "tasks", "orders"} {
		for _, row := range query[string](s, "SELECT to_jsonb(t)::text FROM "+table+" t") {
			if strings.Contains(row, "HUSH") {
				t.Errorf("%s: %s", table, row)
			}
		}
	}
	// A seal that is moved to another row does not open.
	s.handOver(f, order.ExternalResult{ID: "c2", Kind: order.ResultCode, Value: "HUSH-3", Secret: true})
	s.exec("UPDATE fulfillment_results SET sealed = (SELECT sealed FROM fulfillment_results WHERE external_id = 'c2')")
	if value, _, err := s.RevealResult(s.ctx(), s.who, kept[0].ID); err == nil || value != "" {
		t.Errorf("revealed %q of another row", value)
	}
}

func TestResultsAreRevealedToTheirOwners(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	_, f := s.submitted(nil)
	s.handOver(f, order.ExternalResult{ID: "c", Kind: order.ResultCode, Value: "HUSH", Secret: true})
	result := s.results(f)[0]

	if _, _, err := s.RevealResult(s.ctx(), s.account("other"), result.ID); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account: %v", err)
	}
	if _, _, err := s.RevealResult(s.ctx(), s.who, id.New(id.Result)); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("nothing: %v", err)
	}
	tester := s.who
	tester.TestMode = true
	_, _, err := s.RevealResult(s.ctx(), tester, result.ID)
	faults, ok := errors.AsType[order.Faults](err)
	if !ok || faults[0].Code != order.CodeForbidden {
		t.Errorf("a test-mode key: %v", err)
	}
	if s.counts()[1] != 0 {
		t.Error("what was refused counts as read")
	}
	s.exec("UPDATE orders SET test_mode = true")
	s.wantReveal(tester, result, "HUSH", "")
	ended, cancel := context.WithCancel(s.ctx())
	cancel()
	if value, _, err := s.RevealResult(ended, s.who, result.ID); err == nil || value != "" {
		t.Errorf("read without a trace: %q", value)
	}
}

func TestResultsAreBounded(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.provider("one", "5")
	_, f := s.submitted(nil)
	many := []order.ExternalResult{
		{ID: "", Kind: order.ResultText, Value: "no id"},
		{ID: "kind", Kind: "SONG", Value: "v"},
		{ID: "empty", Kind: order.ResultText},
		{ID: "long", Kind: order.ResultText, Value: strings.Repeat("x", order.MaxResultValue+1)},
		{ID: "nul", Kind: order.ResultText, Value: "\x00"},
		{ID: "bytes", Kind: order.ResultText, Value: "\xff"},
	}
	for i := range order.MaxResults + 5 {
		many = append(many, order.ExternalResult{ID: strconv.Itoa(i), Kind: order.ResultText, Value: "v"})
	}
	s.handOver(f, many...)
	s.handOver(f, order.ExternalResult{ID: "late", Kind: order.ResultText, Value: "v"})
	kept := s.results(f)
	if len(kept) != order.MaxResults || slices.ContainsFunc(kept, func(r *order.Result) bool { return len(r.ExternalID) > 2 }) {
		t.Errorf("%d kept", len(kept))
	}
}
