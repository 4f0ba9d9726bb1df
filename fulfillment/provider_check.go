package fulfillment

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"github.com/boostress/boostress/order"
)

// The bounds of a provider's settings.
const (
	defaultTimeout  = 30 * time.Second
	shortestTimeout = time.Second
	longestTimeout  = 10 * time.Minute
	mostConcurrency = 1000
	mostRate        = 1_000_000 // calls
	shortestRate    = time.Second
	longestRate     = 24 * time.Hour
)

// apply sets what the input names.
func (input *ProviderInput) apply(p *order.Provider) order.Faults {
	set(&p.Name, input.Name)
	set(&p.BaseURL, input.BaseURL)
	set(&p.Enabled, input.Enabled)
	set(&p.Timeout, input.Timeout)
	set(&p.Concurrency, input.Concurrency)
	set(&p.Priority, input.Priority)
	set(&p.Weight, input.Weight)
	if input.RateLimit != nil {
		p.RateCalls, p.RatePer = input.RateLimit.Calls, input.RateLimit.Per
	}
	return append(applyBudget("budget", &p.Budget, input.Budget, p.Sums(), p.Currency),
		applyBudget("dayBudget", &p.DayBudget, input.DayBudget, p.Today, p.Currency)...)
}

// applyBudget sets a budget that must have room for what is taken of it already.
func applyBudget(field string, budget **decimal.Decimal, wanted *decimal.Decimal, taken order.Sums, currency order.Currency) order.Faults {
	if wanted == nil {
		return nil
	}
	*budget = nil
	if wanted.IsZero() {
		return nil
	}
	checked, err := order.NewMoney(*wanted, currency)
	if err != nil {
		return order.Faults{{Field: []string{field}, Code: order.CodeInvalid, Message: err.Error()}}
	}
	committed, err := taken.Committed()
	if err != nil || checked.Amount.Cmp(committed) < 0 {
		return order.Faults{{
			Field: []string{field}, Code: order.CodeOutOfRange,
			Message: fmt.Sprintf("must be at least %s, which is reserved or spent already", committed.Trim(0)),
		}}
	}
	*budget = &checked.Amount
	return nil
}

func (s *Service) checkProvider(p *order.Provider) order.Faults {
	var faults order.Faults
	fault := func(field string, code order.Code, message string) {
		faults = append(faults, order.Fault{Field: []string{field}, Code: code, Message: message})
	}
	if strings.TrimSpace(p.Name) == "" || len(p.Name) > order.MaxName {
		fault("name", order.CodeInvalid, fmt.Sprintf("must be 1 to %d bytes", order.MaxName))
	}
	if !p.Currency.Valid() {
		fault("currency", order.CodeInvalid, "must be an ISO 4217 code")
	}
	if p.Timeout < shortestTimeout || p.Timeout > longestTimeout {
		fault("timeout", order.CodeOutOfRange, fmt.Sprintf("must be %s to %s", shortestTimeout, longestTimeout))
	}
	if p.Concurrency < 0 || p.Concurrency > mostConcurrency {
		fault("concurrency", order.CodeOutOfRange, fmt.Sprintf("must be 0 to %d", mostConcurrency))
	}
	faults = append(append(faults, checkRate(p)...), checkRank(p.Priority, p.Weight)...)
	return append(faults, s.checkAddress(p)...)
}

func checkRate(p *order.Provider) order.Faults {
	var faults order.Faults
	fault := func(field, message string) {
		faults = append(faults, order.Fault{Field: []string{"rateLimit", field}, Code: order.CodeOutOfRange, Message: message})
	}
	if p.RateCalls == 0 && p.RatePer == 0 {
		return nil
	}
	if p.RateCalls < 1 || p.RateCalls > mostRate {
		fault("calls", fmt.Sprintf("must be 1 to %d", mostRate))
	}
	if p.RatePer < shortestRate || p.RatePer > longestRate {
		fault("per", fmt.Sprintf("must be %s to %s", shortestRate, longestRate))
	}
	return faults
}

func (s *Service) checkAddress(p *order.Provider) order.Faults {
	var faults order.Faults
	fault := func(field string, code order.Code, message string) {
		faults = append(faults, order.Fault{Field: []string{field}, Code: code, Message: message})
	}
	address, err := url.Parse(p.BaseURL)
	switch {
	case err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https":
		fault("baseUrl", order.CodeInvalid, "must be an http:// or https:// address")
	case address.User != nil:
		fault("baseUrl", order.CodeInvalid, "must hold no user or password: give them as credentials")
	case s.options.CheckAddress != nil:
		if err := s.options.CheckAddress(p.BaseURL); err != nil {
			fault("baseUrl", order.CodeForbidden, err.Error())
		}
	}
	return faults
}
