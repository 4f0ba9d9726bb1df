package fulfillment

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store"
)

// PolicyInput is a version of a routing policy as asked for.
type PolicyInput struct {
	IdempotencyKey string `json:"-"`
	Name           string
	Category       string // "": none in particular
	Default        bool
	Rules          routing.Rules
	FallbackID     *uuid.UUID
	LateAction     routing.LateAction // "": ATTENTION
}

// CreateRoutingPolicy makes a draft, which is the next version of its name. It fails with order.Faults.
func (s *Service) CreateRoutingPolicy(ctx context.Context, who account.Principal, input PolicyInput) (*routing.Policy, error) {
	p := &routing.Policy{
		ID: id.New(id.RoutingPolicy), AccountID: who.AccountID, Name: input.Name, Category: input.Category, Default: input.Default,
		Rules: input.Rules, FallbackID: input.FallbackID, LateAction: input.LateAction, CreatedBy: who.Actor,
	}
	if p.LateAction == "" {
		p.LateAction = routing.LateAttention
	}
	if err := checkPolicy(p).Err(); err != nil {
		return nil, err
	}
	var created *routing.Policy
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		made, err := Once(ctx, tx, who, "createRoutingPolicy", input.IdempotencyKey, input, func() (uuid.UUID, error) {
			if err := checkNamed(ctx, tx, p); err != nil {
				return uuid.Nil, err
			}
			if _, err := tx.InsertPolicy(ctx, p); err != nil {
				return uuid.Nil, err
			}
			return p.ID, tx.Audit(ctx, account.AuditEntry{
				AccountID: who.AccountID, Actor: who.Actor, Action: account.ActionPolicyCreate, TargetID: &p.ID,
			})
		})
		if err != nil {
			return err
		}
		created, err = tx.Policy(ctx, who.AccountID, made)
		return err
	})
	if err != nil {
		return nil, err
	}
	return created, nil
}

// PublishRoutingPolicy puts a version in force in the place of the one of its name that is; an archived one may be
// published again, and publishing the one in force changes nothing. What found no offer so far is routed again. It fails
// with order.Faults and order.ErrNotFound.
func (s *Service) PublishRoutingPolicy(ctx context.Context, who account.Principal, policyID uuid.UUID) (*routing.Policy, error) {
	var published *routing.Policy
	err := s.store.Write(ctx, func(tx *store.Tx) error {
		p, err := tx.LockPolicy(ctx, who.AccountID, policyID)
		if err != nil {
			return err
		}
		if published = p; p.State == routing.Published {
			return nil
		}
		if p.FallbackID != nil {
			inForce, err := tx.PublishedPolicies(ctx, []uuid.UUID{*p.FallbackID})
			if err != nil {
				return err
			}
			if inForce[*p.FallbackID] != who.AccountID {
				return order.Faults{{
					Field: []string{"id"}, Code: order.CodeConflict,
					Message: "falls back to a policy without a published version: publish that one first",
				}}
			}
		}
		if published, err = tx.PublishPolicy(ctx, p); err != nil {
			return err
		}
		return changedCatalog(ctx, tx, who, account.ActionPolicyPublish, policyID)
	})
	if err != nil {
		return nil, err
	}
	return published, nil
}

// checkPolicy lists what is wrong with a policy by itself.
func checkPolicy(p *routing.Policy) order.Faults {
	faults := p.Rules.Validate().Under("rules")
	fault := func(field string, code order.Code, message string) {
		faults = append(faults, order.Fault{Field: []string{field}, Code: code, Message: message})
	}
	if strings.TrimSpace(p.Name) == "" || len(p.Name) > order.MaxName {
		fault("name", order.CodeInvalid, fmt.Sprintf("must be 1 to %d bytes", order.MaxName))
	}
	if len(p.Category) > order.MaxName || p.Category != "" && strings.TrimSpace(p.Category) == "" {
		fault("category", order.CodeInvalid, fmt.Sprintf("must be 1 to %d bytes, or left out", order.MaxName))
	}
	if p.LateAction != routing.LateAttention && p.LateAction != routing.LateReroute {
		fault("lateAction", order.CodeInvalid, "is unknown")
	}
	return faults
}

// checkNamed refuses a policy that names what the account does not have.
func checkNamed(ctx context.Context, tx *store.Tx, p *routing.Policy) error {
	faults, err := checkRulesNamed(ctx, tx, p.AccountID, &p.Rules)
	if err != nil {
		return err
	}
	faults = faults.Under("rules")
	if p.FallbackID == nil {
		return faults.Err()
	}
	fallback, err := tx.Policy(ctx, p.AccountID, *p.FallbackID)
	switch {
	case errors.Is(err, order.ErrNotFound):
		faults = append(faults, order.Fault{Field: []string{"fallbackId"}, Code: order.CodeNotFound, Message: "there is no such policy"})
	case err != nil:
		return err
	case fallback.Name == p.Name:
		faults = append(faults, order.Fault{
			Field: []string{"fallbackId"}, Code: order.CodeConflict, Message: "is this policy itself: name another one",
		})
	}
	return faults.Err()
}

// checkRulesNamed lists the providers and offers that rules name and the account does not have.
func checkRulesNamed(ctx context.Context, tx *store.Tx, accountID uuid.UUID, rules *routing.Rules) (order.Faults, error) {
	type named struct {
		id     uuid.UUID
		field  []string
		offers bool // may be an offer
	}
	var all []named
	for i, scorer := range rules.Scorers {
		for j, wanted := range scorer.IDs {
			all = append(all, named{wanted, []string{"scorers", strconv.Itoa(i), "ids", strconv.Itoa(j)}, true})
		}
	}
	for i, wanted := range rules.Excluded {
		all = append(all, named{wanted, []string{"excludedProviderIds", strconv.Itoa(i)}, false})
	}
	for i, wanted := range rules.Only {
		all = append(all, named{wanted, []string{"onlyProviderIds", strconv.Itoa(i)}, false})
	}
	if len(all) == 0 {
		return nil, nil
	}
	ids := make([]uuid.UUID, len(all))
	for i := range all {
		ids[i] = all[i].id
	}
	providers, offers, err := tx.Sellers(ctx, accountID, ids)
	if err != nil {
		return nil, err
	}
	var faults order.Faults
	for _, one := range all {
		switch {
		case providers[one.id], one.offers && offers[one.id]:
		case one.offers:
			faults = append(faults, order.Fault{Field: one.field, Code: order.CodeNotFound, Message: "there is no such offer or provider"})
		default:
			faults = append(faults, order.Fault{Field: one.field, Code: order.CodeNotFound, Message: "there is no such provider"})
		}
	}
	return faults, nil
}
