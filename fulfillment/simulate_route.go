package fulfillment

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/routing"
	"github.com/boostress/boostress/store"
)

// readCatalog reads what the orders could be given to, as if they had taken nothing of it.
func (s *simulation) readCatalog(ctx context.Context) error {
	wanted := make(map[store.Want]bool)
	for i := range s.orders {
		for l := range s.orders[i].Lines {
			wanted[store.Want{
				AccountID: s.who.AccountID, Category: s.orders[i].Order.Category, ServiceType: s.orders[i].Lines[l].Line.ServiceType,
			}] = true
		}
	}
	wants := make([]store.Want, 0, len(wanted))
	for one := range wanted {
		wants = append(wants, one)
	}
	offers, err := s.service.store.RoutingOffers(ctx, wants)
	if err != nil {
		return err
	}
	var sellers []uuid.UUID
	s.offers = make(map[want][]order.Offer, len(offers))
	for one, several := range offers {
		s.offers[want{one.Category, one.ServiceType}] = several
		for i := range several {
			sellers = append(sellers, several[i].ProviderID)
		}
	}
	if s.providers, err = s.service.store.RoutingProviders(ctx, s.now, sellers); err != nil {
		return err
	}
	return s.giveBack()
}

// giveBack takes what happened to the past orders off their providers.
func (s *simulation) giveBack() error {
	today := order.DayOf(s.now)
	for i := range s.orders {
		for l := range s.orders[i].Lines {
			for _, f := range s.orders[i].Lines[l].Happened {
				if f.ProviderID == nil || s.providers[*f.ProviderID] == nil {
					continue
				}
				if err := giveBack(s.providers[*f.ProviderID], f, today); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func giveBack(p *order.Provider, f *order.Fulfillment, today time.Time) (err error) {
	if f.Status.Occupies() {
		p.Measured.Open--
	}
	total, day := p.Sums(), p.Today
	for _, sums := range []*order.Sums{&total, &day} {
		if sums.Reserved, err = order.Sum(sums.Reserved, f.Reserved.Neg()); err != nil {
			return fmt.Errorf("give back: %w", err)
		}
		if sums.Spent, err = order.Sum(sums.Spent, f.Charged.Neg()); err != nil {
			return fmt.Errorf("give back: %w", err)
		}
		if sums.Overcharge, err = order.Sum(sums.Overcharge, f.Overcharge.Neg()); err != nil {
			return fmt.Errorf("give back: %w", err)
		}
	}
	p.Reserved, p.Spent, p.Overcharge = total.Reserved, total.Spent, total.Overcharge
	if f.BudgetDay != nil && f.BudgetDay.Equal(today) {
		p.Today = day
	}
	return nil
}

// route decides for the lines of an order, one after the other.
func (s *simulation) route(simulated *SimulatedOrder) error {
	o := *simulated.Order
	o.Reserved, o.Spent, o.Overcharge = order.Sums{}.Reserved, order.Sums{}.Spent, order.Sums{}.Overcharge
	for l := range simulated.Lines {
		line := &simulated.Lines[l]
		request := routing.Request{
			FulfillmentID: firstOf(&o, line), Quantity: line.Line.Quantity, Currency: o.Currency,
			Country: o.Destination.CountryCode, TestMode: o.TestMode, Now: s.now,
		}
		left, limited, err := o.Remaining()
		if err != nil {
			return fmt.Errorf("read budget: %w", err)
		}
		if limited {
			request.Budget = &left
		}
		decision := s.decide(request, s.candidates(want{o.Category, line.Line.ServiceType}))
		line.Decision = decision.Record(&request)
		for _, part := range partsTaken(&decision) {
			if err := s.take(&o, line, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstOf is what a line's fulfillment is drawn by: its first one's id, or, of an order that nobody placed, one that its
// reference makes.
func firstOf(o *order.Order, line *SimulatedLine) uuid.UUID {
	if len(line.Happened) > 0 {
		return line.Happened[0].ID
	}
	return uuid.NewSHA1(uuid.Nil, []byte(o.Reference+"/"+strconv.Itoa(line.Line.Position)))
}

func (s *simulation) decide(request routing.Request, candidates []routing.Candidate) routing.Decision {
	if s.rules != nil {
		return routing.Decide(request, s.rules, candidates)
	}
	return routing.Choose(request, s.chain, candidates)
}

func (s *simulation) candidates(of want) []routing.Candidate {
	offers := s.offers[of]
	candidates := make([]routing.Candidate, 0, len(offers))
	for i := range offers {
		if provider := s.providers[offers[i].ProviderID]; provider != nil {
			candidates = append(candidates, routing.Candidate{Offer: &offers[i], Provider: provider})
		}
	}
	return candidates
}

// partsTaken lists who takes how much.
func partsTaken(decision *routing.Decision) []routing.Part {
	switch {
	case decision.Chosen == nil:
		return nil
	case len(decision.Parts) > 0:
		return decision.Parts
	default:
		return []routing.Part{{Candidate: decision.Chosen, Quantity: decision.Quantity}}
	}
}

// take has those that come later see what a part took.
func (s *simulation) take(o *order.Order, line *SimulatedLine, part routing.Part) error {
	offer, provider := part.Candidate.Offer, part.Candidate.Provider
	price, err := order.Money{Amount: offer.UnitPrice, Currency: offer.Currency}.Times(part.Quantity)
	if err != nil {
		return fmt.Errorf("price part: %w", err)
	}
	if o.Reserved, err = order.Sum(o.Reserved, price.Amount); err != nil {
		return fmt.Errorf("count order: %w", err)
	}
	if err := provider.Count(price.Amount); err != nil {
		return fmt.Errorf("count provider: %w", err)
	}
	turn := s.now.Add(time.Duration(s.turns) * time.Microsecond)
	s.turns++
	provider.Measured.Open++
	provider.Measured.LastChosenAt = &turn
	if offer.CoolDown > 0 {
		offer.GivenAt = new(s.now)
	}
	line.Parts = append(line.Parts, SimulatedPart{
		OfferID: offer.ID, ProviderID: provider.ID, Quantity: part.Quantity, Cost: price.Amount.Trim(0),
		ExpectedTime: part.Candidate.FulfillTime(),
	})
	return nil
}
