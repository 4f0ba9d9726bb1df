package order

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Bounds of what an order may hold.
const (
	MaxReference   = 120 // characters
	MaxName        = 200
	MaxLines       = 100
	MaxQuantity    = 1_000_000 // of one line
	MaxPriority    = 9
	MaxJSON        = 16 << 10 // bytes of a JSON value
	MaxIdempotency = 200      // characters of an idempotency key
)

// Draft is an order as asked for, not yet checked.
type Draft struct {
	Reference      string
	IdempotencyKey string
	Category       string
	Destination    Destination
	Lines          []LineDraft
	Budget         *Money
	Deadline       *time.Time
	Priority       int
	Metadata       json.RawMessage
	DeadlineAction DeadlineAction `json:",omitempty"` // "": FINISH
	IsDraft        bool           `json:",omitempty"` // it is placed later
	Pacing         *Pacing        `json:",omitempty"` // nil: all at once

	RoutingPolicyID *uuid.UUID `json:",omitempty"` // any version of a policy that has a published one
}

// LineDraft is a line as asked for.
type LineDraft struct {
	ServiceType string
	Quantity    int
	Attributes  json.RawMessage
}

// Quantity returns the sum of the lines' quantities.
func (d *Draft) Quantity() int {
	total := 0
	for _, line := range d.Lines {
		total += line.Quantity
	}
	return total
}

// Validate lists all that is wrong with the draft, with paths as in the API's CreateOrderInput.
func (d *Draft) Validate(now time.Time) Faults {
	var check checker
	check.text(d.Reference, MaxReference, true, "reference")
	check.faults = append(check.faults, CheckKey(d.IdempotencyKey)...)
	check.text(d.Category, MaxName, true, "category")
	check.text(d.Destination.Name, MaxName, false, "destination", "name")
	check.object(d.Destination.Attributes, "destination", "attributes")
	check.object(d.Metadata, "metadata")
	check.within(d.Priority, 0, MaxPriority, "priority")
	check.faults = append(check.faults, d.CheckDeadline(now)...)
	check.action(d.DeadlineAction)
	d.validateBudget(&check)
	d.validateLines(&check)
	d.validatePacing(&check)
	return check.faults
}

// CheckKey lists what is wrong with an idempotency key; "" is none, which is fine.
func CheckKey(key string) Faults {
	var check checker
	check.text(key, MaxIdempotency, false, "idempotencyKey")
	return check.faults
}

// CheckArguments lists why a JSON object, as a whole input, can't be stored. Its size is not its business.
func CheckArguments(value json.RawMessage) Faults {
	if fault := objectFault(value); fault != "" {
		return Faults{{Code: CodeInvalid, Message: fault}}
	}
	return nil
}

// CheckDeadline is the part of Validate that depends on the time.
func (d *Draft) CheckDeadline(now time.Time) Faults {
	if d.Deadline == nil || d.Deadline.After(now) {
		return nil
	}
	return Faults{{Field: []string{"deadline"}, Code: CodeOutOfRange, Message: "is in the past: give a later time"}}
}

func (d *Draft) validateBudget(check *checker) {
	if d.Budget == nil {
		return
	}
	if !d.Budget.Currency.Valid() {
		check.fault(CodeInvalid, "must be an ISO 4217 code", "budget", "currency")
		return
	}
	if _, err := NewMoney(d.Budget.Amount, d.Budget.Currency); err != nil {
		check.fault(CodeInvalid, err.Error(), "budget", "amount")
		return
	}
	if d.Budget.Amount.IsZero() {
		check.fault(CodeOutOfRange, "must be above zero; leave the budget out for none", "budget", "amount")
	}
}

func (d *Draft) validateLines(check *checker) {
	if len(d.Lines) == 0 || len(d.Lines) > MaxLines {
		check.fault(CodeOutOfRange, fmt.Sprintf("must hold 1 to %d lines, has %d", MaxLines, len(d.Lines)), "lines")
		return
	}
	for i, line := range d.Lines {
		place := strconv.Itoa(i)
		check.text(line.ServiceType, MaxName, true, "lines", place, "serviceType")
		check.within(line.Quantity, 1, MaxQuantity, "lines", place, "quantity")
		check.object(line.Attributes, "lines", place, "attributes")
	}
}

// checker collects the faults of one input.
type checker struct{ faults Faults }

func (c *checker) fault(code Code, message string, field ...string) {
	c.faults = append(c.faults, Fault{Field: field, Code: code, Message: message})
}

func (c *checker) text(value string, limit int, required bool, field ...string) {
	switch {
	case required && strings.TrimSpace(value) == "":
		c.fault(CodeRequired, "must not be empty", field...)
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		c.fault(CodeInvalid, "must be valid text without NUL characters", field...)
	case utf8.RuneCountInString(value) > limit:
		c.fault(CodeTooLong, fmt.Sprintf("must be at most %d characters", limit), field...)
	}
}

func (c *checker) within(value, low, high int, field ...string) {
	if value < low || value > high {
		c.fault(CodeOutOfRange, fmt.Sprintf("must be between %d and %d, is %d", low, high, value), field...)
	}
}

// action accepts nothing, or something that a passed deadline may do.
func (c *checker) action(action DeadlineAction) {
	if action != "" && action != DeadlineFinish && action != DeadlineCancel {
		c.fault(CodeInvalid, "must be FINISH or CANCEL", "deadlineAction")
	}
}

// object accepts nothing, or a JSON object that can be stored.
func (c *checker) object(value json.RawMessage, field ...string) {
	if len(value) == 0 {
		return
	}
	if len(value) > MaxJSON {
		c.fault(CodeTooLong, fmt.Sprintf("must be at most %d bytes of JSON", MaxJSON), field...)
		return
	}
	if fault := objectFault(value); fault != "" {
		c.fault(CodeInvalid, fault, field...)
	}
}
