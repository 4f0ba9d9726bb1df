package scheduling_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/task"
)

func createTask(arguments string) *task.Task {
	return &task.Task{ScheduleID: &uuid.Max, Arguments: json.RawMessage(arguments)}
}

const recurring = `{"order": {"reference": "R-{{date}}-{{ run }}", "category": "prints",
	"destination": {"name": "For {{time}}", "countryCode": "GB", "attributes": {"{{run}}": ["no. {{run}}", 1.50, "{x} {{"]}},
	"lines": [{"serviceType": "poster-a3", "quantity": 2}], "budget": {"amount": "12.50", "currency": "EUR"}},
	"deadlineAfter": "P7D", "run": {"slot": "2030-06-01T22:30:00Z", "number": 12, "timeZone": "Europe/Berlin", "testMode": false}}`

// Half past ten in the evening by UTC is the next day in Berlin.
func TestOrderOfFillsInTheSlotByItsClock(t *testing.T) {
	t.Parallel()
	draft, err := scheduling.OrderOf(createTask(recurring))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Date(2030, 6, 8, 22, 30, 0, 0, time.UTC)
	want := order.Draft{
		Reference: "R-2030-06-02-12", Category: "prints", Deadline: &deadline,
		IdempotencyKey: "schedule:ffffffff-ffff-ffff-ffff-ffffffffffff:2030-06-01T22:30:00Z",
		Destination: order.Destination{
			Name: "For 00:30:00", CountryCode: "GB", Attributes: json.RawMessage(`{"{{run}}":["no. 12",1.50,"{x} {{"]}`),
		},
		Lines: []order.LineDraft{{ServiceType: "poster-a3", Quantity: 2}},
	}
	if draft.Budget == nil || draft.Budget.String() != "12.50 EUR" {
		t.Errorf("budget %v", draft.Budget)
	}
	draft.Budget = nil
	if diff := cmp.Diff(want, draft); diff != "" {
		t.Errorf("the draft (-want +got):\n%s", diff)
	}
}

func TestOrderOfByUTCWhereThereIsNoZone(t *testing.T) {
	t.Parallel()
	draft, err := scheduling.OrderOf(createTask(strings.Replace(recurring, "Europe/Berlin", "", 1)))
	if err != nil || draft.Reference != "R-2030-06-01-12" || draft.Destination.Name != "For 22:30:00" {
		t.Errorf("%q for %q, %v", draft.Reference, draft.Destination.Name, err)
	}
}

func TestOrderOfTellsWhatItCantRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		arguments string
		field     []string
	}{
		"nothing":          {`{}`, []string{"arguments", "order"}},
		"no JSON":          {`no`, []string{"arguments"}},
		"unknown variable": {strings.Replace(recurring, "{{time}}", "{{hour}}", 1), []string{"arguments", "order", "destination", "name"}},
		"unknown member":   {strings.Replace(recurring, `"category"`, `"catgory": 1, "category"`, 1), []string{"arguments", "order", "catgory"}},
		"not a duration":   {strings.Replace(recurring, "P7D", "a week", 1), []string{"arguments", "deadlineAfter"}},
		"fractional amount": {
			strings.Replace(recurring, `"quantity": 2`, `"quantity": 2.5`, 1),
			[]string{"arguments", "order", "lines", "0", "quantity"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := order.CodeInvalid
			if name == "nothing" {
				code = order.CodeRequired
			}
			_, err := scheduling.OrderOf(createTask(tt.arguments))
			wantFault(t, err, code, tt.field...)
		})
	}
}
