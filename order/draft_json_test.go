package order_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
)

const wholeDraft = `{"reference": "A-1", "idempotencyKey": "k", "category": "prints",
	"destination": {"name": "Ada", "countryCode": "GB", "attributes": {"email": "ada@example.com"}},
	"lines": [{"serviceType": "poster-a3", "quantity": 2, "attributes": {"file": 1.50}}, {"serviceType": "frame", "quantity": 1}],
	"budget": {"amount": "12.500000", "currency": "EUR"}, "deadline": "2030-01-31T01:00:00.1234567+01:00", "priority": 3,
	"metadata": {"a": null}, "routingPolicyId": "ffffffff-ffff-ffff-ffff-ffffffffffff", "deadlineAction": "CANCEL", "isDraft": true,
	"pacing": {"mode": "WEIGHTED", "slices": 2, "weights": [1, 2], "window": {"timeZone": "Europe/Berlin", "days": ["MONDAY"],
		"from": 8, "to": 17}}}`

func TestReadDraft(t *testing.T) {
	t.Parallel()
	got, faults := order.ReadDraft(json.RawMessage(wholeDraft))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	deadline := time.Date(2030, 1, 31, 0, 0, 0, 123456000, time.UTC)
	want := order.Draft{
		Reference: "A-1", IdempotencyKey: "k", Category: "prints",
		Destination: order.Destination{Name: "Ada", CountryCode: "GB", Attributes: json.RawMessage(`{"email": "ada@example.com"}`)},
		Lines: []order.LineDraft{
			{ServiceType: "poster-a3", Quantity: 2, Attributes: json.RawMessage(`{"file": 1.50}`)}, {ServiceType: "frame", Quantity: 1},
		},
		Deadline: &deadline, Priority: 3, Metadata: json.RawMessage(`{"a": null}`), RoutingPolicyID: &uuid.Max,
		DeadlineAction: order.DeadlineCancel, IsDraft: true,
		Pacing: &order.Pacing{Mode: order.PaceWeighted, Slices: 2, Weights: []int{1, 2}, Window: &order.PacingWindow{
			TimeZone: "Europe/Berlin", Days: []order.Weekday{order.Monday}, From: 8, To: 17,
		}},
	}
	if got.Budget == nil || !got.Budget.Amount.Equal(amount("12.5")) || got.Budget.Currency != "EUR" {
		t.Errorf("budget %v", got.Budget)
	}
	got.Budget = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the draft (-want +got):\n%s", diff)
	}
	if faults := got.Validate(noonOf2029()); len(faults) > 0 {
		t.Error(faults)
	}
}

func noonOf2029() time.Time { return time.Date(2029, 12, 31, 12, 0, 0, 0, time.UTC) }

// What is null is as if it were not there.
func TestReadDraftTakesNullForNothing(t *testing.T) {
	t.Parallel()
	got, faults := order.ReadDraft(json.RawMessage(`{"reference": "A", "category": "c", "destination": {"name": null, "countryCode": null},
		"lines": [{"serviceType": "s", "quantity": 1, "attributes": null}], "budget": null, "deadline": null, "priority": null, "pacing": null,
		"metadata": null, "isDraft": null, "routingPolicyId": null}`))
	want := order.Draft{Reference: "A", Category: "c", Lines: []order.LineDraft{{ServiceType: "s", Quantity: 1}}}
	if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
		t.Errorf("%v (-want +got):\n%s", faults, diff)
	}
}

func TestReadDraftFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want []string // as path and code
	}{
		"nothing":      {``, []string{" INVALID"}},
		"no object":    {`[]`, []string{" INVALID"}},
		"empty":        {`{}`, []string{"reference REQUIRED", "category REQUIRED", "destination REQUIRED", "lines REQUIRED"}},
		"unknown":      {change(`"priority"`, `"prio": 1, "priority"`), []string{"prio INVALID"}},
		"twice":        {change(`"priority"`, `"reference": "B", "priority"`), []string{"reference INVALID"}},
		"number":       {change(`"A-1"`, `7`), []string{"reference INVALID"}},
		"country":      {change(`"GB"`, `"gb"`), []string{"destination.countryCode INVALID"}},
		"inside":       {change(`"name": "Ada"`, `"nme": "Ada"`), []string{"destination.nme INVALID"}},
		"line":         {change(`{"serviceType": "frame", "quantity": 1}`, `null`), []string{"lines.1 INVALID"}},
		"line member":  {change(`"frame", "quantity": 1`, `"frame", "count": 1`), []string{"lines.1.quantity REQUIRED", "lines.1.count INVALID"}},
		"half a unit":  {change(`"quantity": 1}`, `"quantity": 0.5}`), []string{"lines.1.quantity INVALID"}},
		"exponent":     {change(`"12.500000"`, `"1e2"`), []string{"budget.amount INVALID"}},
		"too exact":    {change(`"12.500000"`, `"0.0000001"`), []string{"budget.amount INVALID"}},
		"no amount":    {change(`"amount": "12.500000", `, ``), []string{"budget.amount REQUIRED"}},
		"empty amount": {change(`"12.500000"`, `""`), []string{"budget.amount INVALID"}},
		"time":         {change(`2030-01-31T01:00:00.1234567+01:00`, `tomorrow`), []string{"deadline INVALID"}},
		"no time":      {change(`2030-01-31T01:00:00.1234567+01:00`, ``), []string{"deadline INVALID"}},
		"id":           {change(`ffffffff-`, `f-`), []string{"routingPolicyId INVALID"}},
		"truth":        {change(`"isDraft": true`, `"isDraft": "yes"`), []string{"isDraft INVALID"}},
		"weight":       {change(`[1, 2]`, `[1, "2"]`), []string{"pacing.weights.1 INVALID"}},
		"weights":      {change(`[1, 2]`, `2`), []string{"pacing.weights INVALID"}},
		"window":       {change(`"from": 8, `, ``), []string{"pacing.window.from REQUIRED"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, faults := order.ReadDraft(json.RawMessage(tt.text))
			got := make([]string, len(faults))
			for i, fault := range faults {
				got[i] = strings.Join(fault.Field, ".") + " " + string(fault.Code)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func change(old, fresh string) string { return strings.Replace(wholeDraft, old, fresh, 1) }

func FuzzReadDraft(f *testing.F) {
	f.Add(wholeDraft)
	f.Add(`{"lines": [{}], "budget": {"amount": -1e9}, "pacing": {"window": []}}`)
	f.Fuzz(func(t *testing.T, text string) {
		draft, faults := order.ReadDraft(json.RawMessage(text))
		if len(faults) == 0 && draft.Reference == "" && !strings.Contains(text, `""`) {
			t.Errorf("%q has no reference and no fault", text)
		}
		_ = draft.Validate(noonOf2029()) // it must not panic
	})
}
