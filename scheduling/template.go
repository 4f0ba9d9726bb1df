package scheduling

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/iso8601"
	"github.com/boostress/boostress/internal/strictjson"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/task"
)

// template is what CREATE_ORDER takes.
type template struct {
	Order         json.RawMessage `json:"order"`
	DeadlineAfter string          `json:"deadlineAfter"`
	Run           Run             `json:"run"`
}

// variable is where a text of a template holds a variable.
var variable = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// values returns what the variables stand for in one run. Day and time are the slot's, by the schedule's clock.
func (r *Run) values() (map[string]string, error) {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("read time zone: %w", err)
	}
	at := r.Slot.In(zone)
	return map[string]string{
		"run": strconv.FormatInt(r.Number, 10), "date": at.Format(time.DateOnly), "time": at.Format(time.TimeOnly),
	}, nil
}

// fill puts values in place of the variables in all texts of a JSON value, names left alone. unknown is called for
// variables that have no value, with the path of the text.
func fill(text json.RawMessage, values map[string]string, unknown func(path []string, name string)) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var whole any
	if err := decoder.Decode(&whole); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	whole = fillValue(whole, nil, values, unknown)
	var filled bytes.Buffer
	encoder := json.NewEncoder(&filled)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(whole); err != nil {
		return nil, fmt.Errorf("write template: %w", err)
	}
	return bytes.TrimSpace(filled.Bytes()), nil
}

func fillValue(value any, path []string, values map[string]string, unknown func([]string, string)) any {
	switch value := value.(type) {
	case string:
		return variable.ReplaceAllStringFunc(value, func(found string) string {
			name := variable.FindStringSubmatch(found)[1]
			if text, known := values[name]; known {
				return text
			}
			unknown(slices.Clone(path), name)
			return found
		})
	case []any:
		for i := range value {
			value[i] = fillValue(value[i], append(path, strconv.Itoa(i)), values, unknown)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			value[name] = fillValue(value[name], append(path, name), values, unknown)
		}
	}
	return value
}

// draft renders the order of one run.
func (t *template) draft(scheduleID uuid.UUID) (order.Draft, order.Faults, error) {
	values, err := t.Run.values()
	if err != nil {
		return order.Draft{}, nil, err
	}
	var faults order.Faults
	filled, err := fill(t.Order, values, func(path []string, name string) {
		message := fmt.Sprintf("holds the unknown variable %q: known are {{run}}, {{date}} and {{time}}", name)
		faults = append(faults, fault(order.CodeInvalid, message, path...)...)
	})
	if err != nil {
		return order.Draft{}, nil, err
	}
	draft, unread := order.ReadDraft(filled)
	draft.IdempotencyKey = "schedule:" + scheduleID.String() + ":" + t.Run.Slot.UTC().Format(time.RFC3339Nano)
	return draft, append(unread, faults...), nil
}

// readTemplate checks the order that the first run would make, and that later ones differ from it.
func (a *arguments) readTemplate(ctx context.Context, o *strictjson.Object) error {
	made := template{Order: o.Require("order")}
	after, given := duration(o, "deadlineAfter", time.Minute)
	if made.Order == nil || a.first.IsZero() {
		return nil
	}
	made.Run = a.run(a.first, 1)
	draft, faults, err := made.draft(a.of.ID)
	if err != nil {
		return err
	}
	if own, _ := strictjson.Read(made.Order); own.Raw("idempotencyKey") != nil {
		faults = append(faults, fault(order.CodeInvalid, "is made up for each run: leave it out", "idempotencyKey")...)
	}
	if given {
		if draft.Deadline != nil {
			a.fault(order.CodeInvalid, "must not be given with a deadline in order: leave one of them out", "deadlineAfter")
		}
		late := a.first.Add(after)
		draft.Deadline = &late
	}
	if len(faults) == 0 {
		if faults, err = a.checkDraft(ctx, &draft); err != nil {
			return err
		}
		faults = append(faults, a.checkReference(&made)...)
	}
	a.faults = append(a.faults, faults.Under("order")...)
	return nil
}

func (a *arguments) run(slot time.Time, number int64) Run {
	return Run{Slot: slot, Number: number, TimeZone: a.of.Rule.TimeZone, TestMode: a.of.TestMode}
}

// checkDraft finds what would be wrong with the first order when it is placed.
func (a *arguments) checkDraft(ctx context.Context, draft *order.Draft) (order.Faults, error) {
	faults := draft.Validate(a.first)
	if draft.Pacing != nil && !draft.IsDraft {
		faults = append(faults, draft.Pacing.CheckPacing(a.first, draft.Deadline)...)
	}
	if draft.RoutingPolicyID == nil {
		return faults, nil
	}
	published, err := a.tx.PublishedPolicies(ctx, []uuid.UUID{*draft.RoutingPolicyID})
	if err != nil {
		return nil, fmt.Errorf("read routing policies: %w", err)
	}
	if published[*draft.RoutingPolicyID] != a.who.AccountID {
		faults = append(faults, fault(order.CodeNotFound,
			"is no routing policy with a published version: publish it first, or leave it out", "routingPolicyId")...)
	}
	return faults, nil
}

// mostReferences is how many slots to come are compared: more than a day of minutes.
const mostReferences = 1500

// checkReference sees to it that no run takes an earlier one's reference.
func (a *arguments) checkReference(made *template) order.Faults {
	if a.of.Rule.Kind == schedule.Once || a.of.MaxRuns == 1 {
		return nil
	}
	given, _ := strictjson.Read(made.Order)
	reference := given.Text("reference")
	names := make(map[string]bool)
	for _, found := range variable.FindAllStringSubmatch(reference, -1) {
		names[found[1]] = true
	}
	switch {
	case names["run"]:
		return nil
	case len(names) == 0:
		return fault(order.CodeInvalid, "would be the same in every run: put {{run}}, {{date}} or {{time}} into it", "reference")
	}
	seen := make(map[string]time.Time)
	for i, slot := range slotsFrom(a.of.Rule, a.first, mostReferences) {
		run := a.run(slot, int64(i)+1)
		values, _ := run.values() // the zone was read before
		text := variable.ReplaceAllStringFunc(reference, func(found string) string {
			return values[variable.FindStringSubmatch(found)[1]]
		})
		if earlier, twice := seen[text]; twice {
			return fault(order.CodeInvalid, fmt.Sprintf("would be the same, %s, at %s and at %s: put {{run}} into it", text,
				earlier.Format(time.RFC3339), slot.Format(time.RFC3339)), "reference")
		}
		seen[text] = slot
	}
	return nil
}

// OrderOf renders the order that a CREATE_ORDER task makes: the same whenever it is asked, under an idempotency key of
// its slot's own. It fails with order.Faults.
func OrderOf(t *task.Task) (order.Draft, error) {
	var made template
	if err := json.Unmarshal(t.Arguments, &made); err != nil {
		return order.Draft{}, fault(order.CodeInvalid, "can't be read: "+err.Error(), fieldArguments)
	}
	if len(made.Order) == 0 || t.ScheduleID == nil {
		return order.Draft{}, fault(order.CodeRequired, "must be given", fieldArguments, "order")
	}
	draft, faults, err := made.draft(*t.ScheduleID)
	if err != nil {
		return order.Draft{}, err
	}
	if made.DeadlineAfter != "" {
		after, err := iso8601.ParseDuration(made.DeadlineAfter)
		if err != nil {
			return order.Draft{}, fault(order.CodeInvalid, err.Error(), fieldArguments, "deadlineAfter")
		}
		late := made.Run.Slot.Add(after)
		draft.Deadline = &late
	}
	return draft, faults.Under(fieldArguments, "order").Err()
}
