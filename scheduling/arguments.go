package scheduling

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/iso8601"
	"github.com/boostress/boostress/internal/strictjson"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// The bounds of arguments.
const (
	mostArguments = 64 << 10 // bytes
	mostURL       = 2000     // bytes
	shortestKeep  = 24 * time.Hour
)

// arguments are a schedule's arguments while they are checked.
type arguments struct {
	*Service

	tx     *store.Tx
	who    account.Principal
	of     *schedule.Schedule
	first  time.Time // when it fires first, zero where that can't be told
	faults order.Faults
}

// setArguments checks what a schedule's action is given, as far as that can be done before it runs, and gives it to the
// schedule. Faults are placed below "arguments"; an error is due to no input.
func (s *Service) setArguments(
	ctx context.Context, tx *store.Tx, who account.Principal, of *schedule.Schedule, first time.Time, given json.RawMessage,
) (order.Faults, error) {
	if len(bytes.TrimSpace(given)) == 0 || string(bytes.TrimSpace(given)) == "null" {
		given = json.RawMessage("{}")
	}
	if len(given) > mostArguments {
		return fault(order.CodeTooLong, fmt.Sprintf("must be at most %d bytes of JSON", mostArguments), fieldArguments), nil
	}
	if faults := order.CheckArguments(given); len(faults) > 0 {
		return faults.Under(fieldArguments), nil
	}
	a := &arguments{Service: s, tx: tx, who: who, of: of, first: first}
	of.Arguments, of.OrderID, of.ProviderID = given, nil, nil
	o, problems := strictjson.Read(given)
	if err := a.read(ctx, o); err != nil {
		return nil, fmt.Errorf("check arguments: %w", err)
	}
	o.Close()
	return append(order.FaultsIn(problems), a.faults...).Under(fieldArguments), nil
}

func (a *arguments) fault(code order.Code, message string, field ...string) {
	a.faults = append(a.faults, fault(code, message, field...)...)
}

// read takes what the action knows.
func (a *arguments) read(ctx context.Context, o *strictjson.Object) error {
	switch task.Kind(a.of.TaskKind) {
	case task.KindProcessOrder:
		return a.readOrderID(ctx, o)
	case task.KindPollProvider, task.KindCheckProvider:
		return a.readProviderID(ctx, o)
	case task.KindSyncOffers:
		if mode := order.SyncMode(requiredText(o, "mode")); mode != "" && mode != order.SyncApply && mode != order.SyncPropose {
			o.Problem("must be APPLY or PROPOSE", "mode")
		}
		return a.readProviderID(ctx, o)
	case task.KindEnforceDeadlines:
	case task.KindExport:
		if what := requiredText(o, "what"); what != "" && what != "ORDERS" && what != "TASK_RESULTS" {
			o.Problem("must be ORDERS or TASK_RESULTS", "what")
		}
	case task.KindRetention:
		readRetention(o)
	case task.KindWebhookPing:
		a.readURL(o)
	case task.KindCreateOrder:
		return a.readTemplate(ctx, o)
	case task.KindDispatch, task.KindCancel, task.KindBulk:
		a.fault(order.CodeInvalid, "are of what begins by itself, and is no action of a schedule")
	default:
		a.fault(order.CodeInvalid, fmt.Sprintf("are of %q, which is no action of a schedule", a.of.TaskKind))
	}
	return nil
}

func requiredText(o *strictjson.Object, name string) string {
	o.Require(name)
	return o.Text(name)
}

// idOf reads the id of a thing; the nil id where there is none, which nothing has.
func idOf(o *strictjson.Object, name string, kind id.Kind) uuid.UUID {
	text := requiredText(o, name)
	read, err := id.Parse(text, kind)
	if err != nil {
		return uuid.Nil
	}
	return read
}

func (a *arguments) readOrderID(ctx context.Context, o *strictjson.Object) error {
	orderID := idOf(o, "orderId", id.Order)
	if !isText(o.Raw("orderId")) {
		return nil
	}
	found, err := a.store.Orders(ctx, a.who.AccountID, []uuid.UUID{orderID})
	switch {
	case err != nil:
		return fmt.Errorf("read order: %w", err)
	case found[orderID] == nil:
		a.fault(order.CodeNotFound, "there is no such order", "orderId")
	case a.of.TestMode && !found[orderID].TestMode:
		a.fault(order.CodeForbidden, "was not placed in test mode: a schedule made with a test-mode key can't change it", "orderId")
	default:
		a.of.OrderID = &orderID
	}
	return nil
}

func (a *arguments) readProviderID(ctx context.Context, o *strictjson.Object) error {
	providerID := idOf(o, "providerId", id.Provider)
	if !isText(o.Raw("providerId")) {
		return nil
	}
	found, err := a.store.Providers(ctx, a.who.AccountID, []uuid.UUID{providerID})
	if err != nil {
		return fmt.Errorf("read provider: %w", err)
	}
	if provider := found[providerID]; provider == nil || provider.DeletedAt != nil {
		a.fault(order.CodeNotFound, "there is no such provider", "providerId")
		return nil
	}
	a.of.ProviderID = &providerID
	return nil
}

// readRetention takes how long finished runs are kept. Those that failed and those that were revoked are kept together.
func readRetention(o *strictjson.Object) {
	o.Bool("archive")
	keep, ok := o.Object("keep")
	if !ok {
		return
	}
	lengths := make(map[string]time.Duration)
	for _, state := range []task.State{task.Success, task.Failure, task.Revoked} {
		name := string(state)
		if length, given := duration(keep, name, shortestKeep); given {
			lengths[name] = length
		}
	}
	failed, both := lengths[string(task.Failure)]
	revoked, given := lengths[string(task.Revoked)]
	if both && given && failed != revoked {
		keep.Problem("must be as FAILURE, with which it is kept: leave it out", string(task.Revoked))
	}
	keep.Close()
}

// duration takes a length of time of at least some.
func duration(o *strictjson.Object, name string, least time.Duration) (length time.Duration, given bool) {
	text := o.Text(name)
	if !isText(o.Raw(name)) {
		return 0, false
	}
	length, err := iso8601.ParseDuration(text)
	switch {
	case err != nil:
		o.Problem(`must be a duration as ISO 8601, e.g. "P7D" or "PT12H"`, name)
		return 0, false
	case length < least:
		o.Problem("must be at least "+iso8601.FormatDuration(least), name)
		return 0, false
	}
	return length, true
}

// isText tells of a member that is there; what is of another kind was reported.
func isText(value json.RawMessage) bool { return len(value) > 0 && value[0] == '"' }

func (a *arguments) readURL(o *strictjson.Object) {
	text := requiredText(o, "url")
	if text == "" {
		return
	}
	address, err := url.Parse(text)
	switch {
	case len(text) > mostURL:
		a.fault(order.CodeTooLong, fmt.Sprintf("must be at most %d bytes", mostURL), "url")
	case err != nil || address.Hostname() == "" || address.Scheme != "http" && address.Scheme != "https":
		a.fault(order.CodeInvalid, "must be an http:// or https:// address", "url")
	case address.User != nil:
		a.fault(order.CodeInvalid, "must hold no user or password", "url")
	default:
		if err := a.options.CheckAddress(text); err != nil {
			a.fault(order.CodeForbidden, err.Error(), "url")
		}
	}
}
