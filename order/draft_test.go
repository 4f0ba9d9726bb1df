package order_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/order"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func goodDraft() order.Draft {
	deadline, budget := noon.Add(time.Hour), money("50")
	return order.Draft{
		Reference: "A-1001", IdempotencyKey: "a-1001", Category: "prints",
		Destination: order.Destination{Name: "Ada", CountryCode: "GB", Attributes: json.RawMessage(`{"email": "ada@example.com"}`)},
		Lines:       []order.LineDraft{{ServiceType: "poster-a3", Quantity: 2, Attributes: json.RawMessage(`{"file": "a.pdf"}`)}},
		Budget:      &budget, Deadline: &deadline, Priority: 9, Metadata: json.RawMessage(`{}`),
	}
}

func TestValidateAcceptsWhatIsRight(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*order.Draft){
		"everything given": func(*order.Draft) {},
		"only what must be": func(d *order.Draft) {
			*d = order.Draft{Reference: "r", Category: "c", Lines: []order.LineDraft{{ServiceType: "s", Quantity: 1}}}
		},
		"longest texts": func(d *order.Draft) {
			d.Reference, d.Category = strings.Repeat("ü", order.MaxReference), strings.Repeat("ü", order.MaxName)
			d.IdempotencyKey = strings.Repeat("k", order.MaxIdempotency)
		},
		"most lines and units": func(d *order.Draft) {
			line := order.LineDraft{ServiceType: "s", Quantity: order.MaxQuantity}
			d.Lines = make([]order.LineDraft, order.MaxLines)
			for i := range d.Lines {
				d.Lines[i] = line
			}
		},
		"an escaped backslash before u0000": func(d *order.Draft) { d.Metadata = json.RawMessage(`{"a": "\\u0000"}`) },
		"a pair of surrogates":              func(d *order.Draft) { d.Metadata = json.RawMessage(`{"a": "\ud83d\ude00"}`) },
		"numbers":                           func(d *order.Draft) { d.Metadata = json.RawMessage(`{"a": [-1.5, 2E+3, 3e-4, 1e64]}`) },
		"space around":                      func(d *order.Draft) { d.Metadata = json.RawMessage(" \n{\t} ") },
	} {
		draft := goodDraft()
		change(&draft)
		if faults := draft.Validate(noon); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

func TestValidateNamesEachFault(t *testing.T) {
	t.Parallel()
	past := noon
	large := []byte(`{"a":"` + strings.Repeat("x", order.MaxJSON) + `"}`)
	deep := []byte(strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33))
	tests := map[string]struct {
		change func(*order.Draft)
		field  string
		code   order.Code
	}{
		"no reference":           {func(d *order.Draft) { d.Reference = " " }, "reference", order.CodeRequired},
		"long reference":         {func(d *order.Draft) { d.Reference = strings.Repeat("x", 121) }, "reference", order.CodeTooLong},
		"NUL in reference":       {func(d *order.Draft) { d.Reference = "a\x00b" }, "reference", order.CodeInvalid},
		"bytes in reference":     {func(d *order.Draft) { d.Reference = "a\xff" }, "reference", order.CodeInvalid},
		"long key":               {func(d *order.Draft) { d.IdempotencyKey = strings.Repeat("k", 201) }, "idempotencyKey", order.CodeTooLong},
		"no category":            {func(d *order.Draft) { d.Category = "" }, "category", order.CodeRequired},
		"long name":              {func(d *order.Draft) { d.Destination.Name = strings.Repeat("n", 201) }, "destination.name", order.CodeTooLong},
		"destination is a list":  {func(d *order.Draft) { d.Destination.Attributes = []byte(`[]`) }, "destination.attributes", order.CodeInvalid},
		"metadata is text":       {func(d *order.Draft) { d.Metadata = []byte(`"a"`) }, "metadata", order.CodeInvalid},
		"metadata is broken":     {func(d *order.Draft) { d.Metadata = []byte(`{"a":`) }, "metadata", order.CodeInvalid},
		"metadata is blank":      {func(d *order.Draft) { d.Metadata = []byte(` `) }, "metadata", order.CodeInvalid},
		"metadata is large":      {func(d *order.Draft) { d.Metadata = large }, "metadata", order.CodeTooLong},
		"NUL in metadata":        {func(d *order.Draft) { d.Metadata = []byte(`{"a":"\u0000"}`) }, "metadata", order.CodeInvalid},
		"NUL in a name":          {func(d *order.Draft) { d.Metadata = []byte(`{"\\\u0000":1}`) }, "metadata", order.CodeInvalid},
		"bytes in metadata":      {func(d *order.Draft) { d.Metadata = []byte("{\"a\":\"\xff\"}") }, "metadata", order.CodeInvalid},
		"half a character":       {func(d *order.Draft) { d.Metadata = []byte(`{"a":"\ud83d"}`) }, "metadata", order.CodeInvalid},
		"halves swapped":         {func(d *order.Draft) { d.Metadata = []byte(`{"a":"\ude00\ud83d"}`) }, "metadata", order.CodeInvalid},
		"two first halves":       {func(d *order.Draft) { d.Metadata = []byte(`{"a":"\ud83d\ud83d"}`) }, "metadata", order.CodeInvalid},
		"vast number":            {func(d *order.Draft) { d.Metadata = []byte(`{"a":1e131071}`) }, "metadata", order.CodeInvalid},
		"tiny number":            {func(d *order.Draft) { d.Metadata = []byte(`{"a":1E-99999999999999999999}`) }, "metadata", order.CodeInvalid},
		"deep metadata":          {func(d *order.Draft) { d.Metadata = deep }, "metadata", order.CodeInvalid},
		"low priority":           {func(d *order.Draft) { d.Priority = -1 }, "priority", order.CodeOutOfRange},
		"high priority":          {func(d *order.Draft) { d.Priority = 10 }, "priority", order.CodeOutOfRange},
		"deadline now":           {func(d *order.Draft) { d.Deadline = &past }, "deadline", order.CodeOutOfRange},
		"no lines":               {func(d *order.Draft) { d.Lines = nil }, "lines", order.CodeOutOfRange},
		"too many lines":         {func(d *order.Draft) { d.Lines = make([]order.LineDraft, 101) }, "lines", order.CodeOutOfRange},
		"no service":             {func(d *order.Draft) { d.Lines[0].ServiceType = "" }, "lines.0.serviceType", order.CodeRequired},
		"no quantity":            {func(d *order.Draft) { d.Lines[0].Quantity = 0 }, "lines.0.quantity", order.CodeOutOfRange},
		"too large a quantity":   {func(d *order.Draft) { d.Lines[0].Quantity = 1_000_001 }, "lines.0.quantity", order.CodeOutOfRange},
		"line attributes broken": {func(d *order.Draft) { d.Lines[0].Attributes = []byte(`null`) }, "lines.0.attributes", order.CodeInvalid},
		"no budget at all":       {func(d *order.Draft) { d.Budget.Amount = amount("0.00") }, "budget.amount", order.CodeOutOfRange},
		"negative budget":        {func(d *order.Draft) { d.Budget.Amount = amount("-1") }, "budget.amount", order.CodeInvalid},
		"budget too fine":        {func(d *order.Draft) { d.Budget.Amount = amount("0.0000001") }, "budget.amount", order.CodeInvalid},
		"budget currency":        {func(d *order.Draft) { d.Budget.Currency = "ABC" }, "budget.currency", order.CodeInvalid},
	}
	for name, test := range tests {
		draft := goodDraft()
		test.change(&draft)
		faults := draft.Validate(noon)
		if len(faults) != 1 || strings.Join(faults[0].Field, ".") != test.field || faults[0].Code != test.code || faults[0].Message == "" {
			t.Errorf("%s: %+v, want %s at %s alone", name, faults, test.code, test.field)
		}
	}
}

func TestValidateNamesAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	draft := goodDraft()
	draft.Reference, draft.Priority, draft.Metadata = "", 99, []byte("x")
	draft.Lines = append(draft.Lines, order.LineDraft{Quantity: -1})
	var fields []string
	for _, fault := range draft.Validate(noon).Under("orders", "3") {
		fields = append(fields, strings.Join(fault.Field, "."))
	}
	want := []string{
		"orders.3.reference", "orders.3.metadata", "orders.3.priority", "orders.3.lines.1.serviceType", "orders.3.lines.1.quantity",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	if err := (order.Faults{}).Err(); err != nil {
		t.Errorf("no fault is an error: %v", err)
	}
	faults := order.Faults{
		{Field: []string{"lines", "0"}, Code: order.CodeInvalid, Message: "is wrong"}, {Field: []string{"x"}, Message: "too"},
	}
	if got := faults.Err().Error(); got != "lines.0: is wrong; x: too" {
		t.Errorf("got %q", got)
	}
}

func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{"{}", `{"a":"\ud83d\ude00"}`, `{"a":[1e5,"\\\""]}`, `{"\u0000":1}`, `{"a":"\u`, "{\"\\", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, metadata []byte) {
		draft := goodDraft()
		draft.Metadata = metadata
		faults := draft.Validate(noon) // must not panic
		if len(faults) > 0 || len(metadata) == 0 {
			return
		}
		var object map[string]any
		if err := json.Unmarshal(metadata, &object); err != nil {
			t.Errorf("%q is accepted and no object: %v", metadata, err)
		}
		if strings.Contains(fmt.Sprint(object), "\x00") {
			t.Errorf("%q is accepted and holds a NUL", metadata)
		}
	})
}
