package resolvers

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
)

// CreateProvider adds a provider.
func (m mutation) CreateProvider(ctx context.Context, input graph.CreateProviderInput) (*graph.CreateProviderPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	wanted := fulfillment.ProviderInput{
		IdempotencyKey: value(input.IdempotencyKey), Name: &input.Name, Adapter: input.Adapter, BaseURL: &input.BaseURL,
		Currency:  providerCurrency(principal, input),
		Simulated: value(input.IsSimulated), Enabled: input.IsEnabled, Timeout: input.Timeout, Concurrency: input.Concurrency,
		Priority: input.Priority, Weight: input.Weight,
	}
	credentials, faults := readCredentials(input.Credentials)
	wanted.Credentials = credentials
	wanted.RateLimit = input.RateLimit
	for _, limit := range []struct {
		field string
		given *order.Money
		set   **decimal.Decimal
	}{{"budget", input.Budget, &wanted.Budget}, {"dayBudget", input.DayBudget, &wanted.DayBudget}} {
		if limit.given != nil {
			*limit.set = &limit.given.Amount
			faults = append(faults, sameCurrency(limit.field, limit.given, wanted.Currency)...)
		}
	}
	var created *order.Provider
	if err = faults.Err(); err == nil {
		created, err = m.options.Fulfillment.CreateProvider(ctx, principal, wanted)
	}
	list, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.CreateProviderPayload{Provider: created, UserErrors: list}, nil
}

// providerCurrency is what the input says, or else its budgets', or else the account's.
func providerCurrency(principal account.Principal, input graph.CreateProviderInput) order.Currency {
	switch {
	case input.Currency != nil:
		return *input.Currency
	case input.Budget != nil:
		return input.Budget.Currency
	case input.DayBudget != nil:
		return input.DayBudget.Currency
	default:
		return order.Currency(principal.Currency)
	}
}

func sameCurrency(field string, budget *order.Money, want order.Currency) order.Faults {
	if budget.Currency == want {
		return nil
	}
	return order.Faults{{
		Field: []string{field, "currency"}, Code: order.CodeInvalid, Message: fmt.Sprintf("must be the provider's, %s", want),
	}}
}

// readCredentials reads an object of texts; none where there is none.
func readCredentials(text json.RawMessage) (map[string]string, order.Faults) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	var credentials map[string]string
	if err := json.Unmarshal(text, &credentials); err != nil {
		// The error may quote the secret.
		return nil, order.Faults{{Field: []string{"credentials"}, Code: order.CodeInvalid, Message: "must be a JSON object of texts"}}
	}
	return credentials, nil
}

// UpdateProvider changes a provider.
func (m mutation) UpdateProvider(ctx context.Context, input graph.UpdateProviderInput) (*graph.UpdateProviderPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := m.updateProvider(ctx, principal, input)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.UpdateProviderPayload{Provider: changed, UserErrors: faults}, nil
}

func (m mutation) updateProvider(
	ctx context.Context, principal account.Principal, input graph.UpdateProviderInput,
) (*order.Provider, error) {
	wanted := fulfillment.ProviderInput{
		Name: input.Name, BaseURL: input.BaseURL, Enabled: input.IsEnabled, Timeout: input.Timeout,
		Priority: input.Priority, Weight: input.Weight,
	}
	credentials, faults := readCredentials(input.Credentials)
	if len(faults) > 0 {
		return nil, faults
	}
	wanted.Credentials = credentials
	if limit, given := input.Concurrency.ValueOK(); given {
		concurrency := value(limit)
		wanted.Concurrency = &concurrency
	}
	wanted.RateLimit = orZero[order.RateLimit](input.RateLimit)
	for _, limit := range []struct {
		field string
		input graphql.Omittable[*order.Money]
		set   **decimal.Decimal
	}{{"budget", input.Budget, &wanted.Budget}, {"dayBudget", input.DayBudget, &wanted.DayBudget}} {
		budget, given := limit.input.ValueOK()
		if !given {
			continue
		}
		amount, err := m.newBudget(ctx, principal, input.ID, limit.field, budget)
		if err != nil {
			return nil, err
		}
		*limit.set = &amount
	}
	return m.options.Fulfillment.UpdateProvider(ctx, principal, input.ID, wanted)
}

// newBudget is zero for none.
func (m mutation) newBudget(
	ctx context.Context, principal account.Principal, providerID uuid.UUID, field string, budget *order.Money,
) (decimal.Decimal, error) {
	if budget == nil {
		return decimal.Zero, nil
	}
	found, err := m.options.Store.Providers(ctx, principal.AccountID, []uuid.UUID{providerID})
	if err != nil {
		return decimal.Zero, err
	}
	provider := found[providerID]
	if provider == nil {
		return decimal.Zero, order.ErrNotFound
	}
	return budget.Amount, sameCurrency(field, budget, provider.Currency).Err()
}

// PauseProvider keeps new fulfillments away from a provider.
func (m mutation) PauseProvider(ctx context.Context, input graph.PauseProviderInput) (*graph.PauseProviderPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	paused, err := m.options.Fulfillment.PauseProvider(ctx, principal, input.ID, input.Reason)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.PauseProviderPayload{Provider: paused, UserErrors: faults}, nil
}

// ResumeProvider lets a paused provider go on.
func (m mutation) ResumeProvider(ctx context.Context, input graph.ResumeProviderInput) (*graph.ResumeProviderPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	resumed, err := m.options.Fulfillment.ResumeProvider(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.ResumeProviderPayload{Provider: resumed, UserErrors: faults}, nil
}
