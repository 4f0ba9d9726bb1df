package fulfillment

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/order"
)

// ResolveInput is what a person found out about an UNKNOWN fulfillment.
type ResolveInput struct {
	ID         uuid.UUID
	Outcome    order.Resolution
	ExternalID string // of ACCEPTED: the provider's own id of it
	Note       string // how it was found out, for the record
}

// Bounds of a resolution's texts, in characters.
const (
	mostExternalID = 200
	mostNote       = 1000
)

func (in *ResolveInput) validate() order.Faults {
	var faults order.Faults
	fault := func(field string, code order.Code, message string) {
		faults = append(faults, order.Fault{Field: []string{field}, Code: code, Message: message})
	}
	in.ExternalID = strings.TrimSpace(in.ExternalID)
	for _, text := range []struct {
		field, value string
		most         int
	}{{fieldExternalID, in.ExternalID, mostExternalID}, {"note", in.Note, mostNote}} {
		switch {
		case strings.ContainsRune(text.value, 0) || !utf8.ValidString(text.value):
			fault(text.field, order.CodeInvalid, "must be valid text without NUL characters")
		case utf8.RuneCountInString(text.value) > text.most:
			fault(text.field, order.CodeTooLong, fmt.Sprintf("must be at most %d characters", text.most))
		}
	}
	switch {
	case in.Outcome == order.ResolvedAccepted && in.ExternalID == "":
		fault(fieldExternalID, order.CodeRequired, "must be the provider's own id of it, when the provider has it")
	case in.Outcome == order.ResolvedAbsent && in.ExternalID != "":
		fault(fieldExternalID, order.CodeInvalid, "must be left out when the provider has nothing")
	}
	return faults
}

// ResolveFulfillment settles an UNKNOWN fulfillment by what a person found out at its provider, with an audit entry.
// ACCEPTED goes on with the provider's order; ABSENT tries again under a new key. While the provider is being called
// nothing can be settled. It fails as the others do.
func (s *Service) ResolveFulfillment(ctx context.Context, who account.Principal, in ResolveInput) (*order.Fulfillment, error) {
	if err := in.validate().Err(); err != nil {
		return nil, err
	}
	return s.changeOne(ctx, who, in.ID, func(w *work, c *order.Case, f *order.Fulfillment) error {
		if err := w.readAttempts(ctx, []uuid.UUID{f.ID}); err != nil {
			return err
		}
		if err := w.mayResolve(ctx, f, &in); err != nil {
			return err
		}
		if err := w.resolve(ctx, c, f, &in); err != nil {
			return fmt.Errorf("resolve: %w", err)
		}
		details, err := json.Marshal(map[string]string{
			"outcome": string(in.Outcome), fieldExternalID: in.ExternalID, "note": in.Note, "provider": f.ProviderID.String(),
		})
		if err != nil {
			return fmt.Errorf("write audit details: %w", err)
		}
		return w.tx.Audit(ctx, account.AuditEntry{
			AccountID: who.AccountID, Actor: who.Actor, Action: account.ActionFulfillmentResolve, TargetID: &f.ID, Details: details,
		})
	})
}

// mayResolve refuses what a call that is on its way could contradict, and an order that is another fulfillment's.
func (w *work) mayResolve(ctx context.Context, f *order.Fulfillment, in *ResolveInput) error {
	if f.Status != order.FulfillmentUnknown {
		return nil // which the case refuses
	}
	busy, err := w.tx.TaskDispatching(ctx, f.ID)
	if err != nil {
		return err
	}
	for _, a := range w.attempts[f.ID] {
		busy = busy || a.Operation == order.OperationCreate && a.State == order.AttemptInFlight
	}
	if busy {
		return order.Faults{{
			Field: []string{"id"}, Code: order.CodeConflict, Message: "is being asked after at this moment: try again shortly",
		}}
	}
	if in.Outcome != order.ResolvedAccepted {
		return nil
	}
	holders, err := w.tx.LockExternal(ctx, *f.ProviderID, in.ExternalID)
	if err != nil {
		return err
	}
	if len(holders) > 0 {
		return order.Faults{{
			Field: []string{fieldExternalID}, Code: order.CodeConflict, Message: fmt.Sprintf("is fulfillment %s's already", holders[0]),
		}}
	}
	return nil
}

func (w *work) resolve(ctx context.Context, c *order.Case, f *order.Fulfillment, in *ResolveInput) error {
	reason := "a person says that the provider never got it"
	if in.Note != "" {
		reason += ": " + in.Note
	}
	askCancel, err := c.Resolve(f, in.Outcome, in.ExternalID, reason)
	if err != nil {
		return err
	}
	if in.Outcome == order.ResolvedAbsent {
		if f.Status.Final() {
			w.dropped = append(w.dropped, f.ID)
		} else {
			w.dispatchAt(f, w.tx.Now)
		}
		return w.settleAll(f, order.AttemptAbsent)
	}
	w.dropped = append(w.dropped, f.ID)
	if askCancel {
		if err := c.RequestCancel(f); err != nil {
			return err
		}
		w.tasks = append(w.tasks, cancelTask(c.Order, f))
	}
	providers, err := w.tx.Providers(ctx, []uuid.UUID{*f.ProviderID})
	if err != nil {
		return err
	}
	w.planPoll(ctx, providers[*f.ProviderID], c, f)
	return w.settleAll(f, order.AttemptAccepted)
}
