package order

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/internal/strictjson"
)

// ReadDraft reads a draft from what the API's CreateOrderInput is in JSON, and lists what can't be read, by the same
// paths: unknown members, missing ones and such of another type. Whether the draft makes sense, Validate tells.
func ReadDraft(text json.RawMessage) (Draft, Faults) {
	o, problems := strictjson.Read(text)
	d := Draft{
		Reference: requiredText(o, "reference"), IdempotencyKey: o.Text("idempotencyKey"), Category: requiredText(o, "category"),
		Destination: readDestination(o), Lines: readLines(o), Budget: readMoney(o, "budget"), Deadline: readTime(o, "deadline"),
		Priority: o.Int("priority"), Metadata: o.Raw("metadata"), RoutingPolicyID: readID(o, "routingPolicyId"),
		DeadlineAction: DeadlineAction(o.Text("deadlineAction")), IsDraft: o.Bool("isDraft"), Pacing: readPacing(o),
	}
	o.Close()
	return d, FaultsIn(problems)
}

// FaultsIn turns what is wrong with a JSON object into faults.
func FaultsIn(problems *strictjson.Problems) Faults {
	faults := make(Faults, 0, len(problems.List()))
	for _, problem := range problems.List() {
		code := CodeInvalid
		if problem.Missing {
			code = CodeRequired
		}
		faults = append(faults, Fault{Field: problem.Path, Code: code, Message: problem.Message})
	}
	return faults
}

func requiredText(o *strictjson.Object, name string) string {
	o.Require(name)
	return o.Text(name)
}

func requiredInt(o *strictjson.Object, name string) int {
	o.Require(name)
	return o.Int(name)
}

func readDestination(o *strictjson.Object) Destination {
	o.Require("destination")
	inner, ok := o.Object("destination")
	if !ok {
		return Destination{}
	}
	d := Destination{Name: inner.Text("name"), CountryCode: inner.Text("countryCode"), Attributes: inner.Raw("attributes")}
	if d.CountryCode != "" && !ValidCountry(d.CountryCode) {
		inner.Problem("must be an ISO 3166-1 alpha-2 code, e.g. GB", "countryCode")
	}
	inner.Close()
	return d
}

func readLines(o *strictjson.Object) []LineDraft {
	o.Require("lines")
	objects := o.Objects("lines")
	lines := make([]LineDraft, 0, len(objects))
	for _, inner := range objects {
		lines = append(lines, LineDraft{
			ServiceType: requiredText(inner, "serviceType"), Quantity: requiredInt(inner, "quantity"), Attributes: inner.Raw("attributes"),
		})
		inner.Close()
	}
	return lines
}

func readMoney(o *strictjson.Object, name string) *Money {
	inner, ok := o.Object(name)
	if !ok {
		return nil
	}
	amount, readable := readAmount(inner.Require("amount"))
	if !readable {
		inner.Problem(`must be a decimal number such as "12.50", with at most 6 fractional digits`, "amount")
	}
	money := &Money{Amount: amount, Currency: Currency(requiredText(inner, "currency"))}
	inner.Close()
	return money
}

// readAmount takes a text or a number, exactly. What is missing is reported elsewhere.
func readAmount(value json.RawMessage) (amount decimal.Decimal, ok bool) {
	text := string(value)
	if len(value) > 0 && value[0] == '"' && json.Unmarshal(value, &text) != nil {
		return decimal.Zero, false
	}
	if text == "" && value == nil {
		return decimal.Zero, true
	}
	_, fraction, _ := strings.Cut(text, ".")
	if strings.ContainsAny(text, "eE_") || len(strings.TrimRight(fraction, "0")) > MoneyScale {
		return decimal.Zero, false
	}
	amount, err := decimal.ParseExact(text, min(len(fraction), MoneyScale))
	return amount, err == nil
}

// givenText tells a text that is empty from one that is not there.
func givenText(o *strictjson.Object, name string) (text string, given bool) {
	value := o.Raw(name)
	return o.Text(name), len(value) > 0 && value[0] == '"'
}

func readTime(o *strictjson.Object, name string) *time.Time {
	text, given := givenText(o, name)
	if !given {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		o.Problem(`must be a time as RFC 3339, e.g. "2030-01-31T00:00:00Z"`, name)
		return nil
	}
	at = at.UTC().Truncate(time.Microsecond)
	return &at
}

func readID(o *strictjson.Object, name string) *uuid.UUID {
	text, given := givenText(o, name)
	if !given {
		return nil
	}
	read, err := uuid.Parse(text)
	if err != nil {
		o.Problem("must be an id", name)
		return nil
	}
	return &read
}

func readPacing(o *strictjson.Object) *Pacing {
	inner, ok := o.Object("pacing")
	if !ok {
		return nil
	}
	p := &Pacing{
		Mode: PacingMode(requiredText(inner, "mode")), Slices: inner.Int("slices"),
		Weights: strictjson.List[int](inner, "weights", "a whole number"),
	}
	if window, ok := inner.Object("window"); ok {
		p.Window = &PacingWindow{
			TimeZone: requiredText(window, "timeZone"), Days: strictjson.List[Weekday](window, "days", "a day of the week"),
			From: requiredInt(window, "from"), To: requiredInt(window, "to"),
		}
		window.Close()
	}
	inner.Close()
	return p
}
