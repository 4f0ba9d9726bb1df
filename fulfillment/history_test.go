package fulfillment_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

const (
	someHistories = 120 // unless BOOSTRESS_HISTORIES says how many
	perDatabase   = 30
	rounds        = 14
	workers       = 3
)

// TestHistories plays many short histories on the real store: two accounts place a few orders with budgets for some of
// them, and then, round by round, two or three of these happen at once: a worker claims, writes its intents, calls,
// records, dies or comes back; a person cancels, holds or changes; claims are taken back; time passes; a provider is
// read or sends a webhook. In the end everything is let come to its end, and invariants and the providers' ledger are
// compared.
//
// A history is drawn from the seed and its number: BOOSTRESS_SEED and BOOSTRESS_HISTORY play one again. What happens
// at once within a round is as concurrent as it is.
func TestHistories(t *testing.T) {
	t.Parallel()
	seed := number(t, "BOOSTRESS_SEED", rand.Uint64())
	first, count := uint64(0), number(t, "BOOSTRESS_HISTORIES", someHistories)
	if os.Getenv("BOOSTRESS_HISTORY") != "" {
		first, count = number(t, "BOOSTRESS_HISTORY", 0), 1
	}
	t.Logf("BOOSTRESS_SEED=%d BOOSTRESS_HISTORIES=%d", seed, count)
	for from := first; from < first+count; from += perDatabase {
		t.Run(fmt.Sprint("from ", from), func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, seed)
			for n := from; n < min(from+perDatabase, first+count) && !t.Failed(); n++ {
				p.history(n)
			}
		})
	}
}

func number(t *testing.T, variable string, absent uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return absent
	}
	value, err := strconv.ParseUint(text, 10, 64)
	must(t, err)
	return value
}

// play is a database on which histories are played, one after the other, by two accounts.
type play struct {
	*stand

	seed   uint64
	worlds []*world // one for each account
	hands  []*hand
	trace  []string // of the history that is played
}

// hand is a worker and what it has in its hands.
type hand struct {
	id      uuid.UUID
	dead    bool
	tasks   []task.Task
	steps   []fulfillment.Step
	reports []fulfillment.Report
}

func newPlay(t *testing.T, seed uint64) *play {
	t.Helper()
	s := newStand(t)
	other := &stand{Service: s.Service, t: t, store: s.store, pool: s.pool, who: s.account("other")}
	p := &play{stand: s, seed: seed}
	for _, owner := range []*stand{s, other} {
		p.worlds = append(p.worlds, &world{stand: owner, orders: map[string]*external{}, byKey: map[string]string{}})
	}
	return p
}

// history plays one.
func (p *play) history(n uint64) {
	p.t.Helper()
	dice := rand.New(rand.NewPCG(p.seed, n))
	p.trace, p.hands = nil, nil
	for range workers {
		p.hands = append(p.hands, &hand{id: p.register()})
	}
	for i, w := range p.worlds {
		w.dice, w.calm = rand.New(rand.NewPCG(p.seed, n<<8+uint64(i))), false
		p.open(w, fmt.Sprint("category-", n), dice)
	}
	for range rounds {
		p.round(dice)
	}
	p.end()
	p.check()
	if p.t.Failed() {
		p.t.Logf("BOOSTRESS_SEED=%d BOOSTRESS_HISTORY=%d: %s", p.seed, n, strings.Join(p.trace, "; "))
	}
}

// open gives an account two providers for this history, the cheap one with room for some of the orders, and places them.
func (p *play) open(w *world, category string, dice *rand.Rand) {
	p.t.Helper()
	cheap := w.providerWith(fulfillment.ProviderInput{Name: new(category + "-cheap"), Budget: new(amount(strconv.Itoa(2 + dice.IntN(6))))})
	dear := w.providerWith(fulfillment.ProviderInput{Name: new(category + "-dear")})
	p.setCapabilities(dear, order.Capabilities{Idempotency: order.IdempotencyReference, Lookup: true, Cancel: true})
	for price, provider := range map[string]*order.Provider{"1": cheap, "2": dear} {
		_, err := w.CreateOffer(w.ctx(), w.who, offerInput(func(in *fulfillment.OfferInput) {
			in.ProviderID, in.Category, in.ExternalID, in.UnitPrice = provider.ID, &category, category, money(price)
		}))
		must(p.t, err)
	}
	w.providers, w.placed = []*order.Provider{cheap, dear}, nil
	for range 1 + dice.IntN(2) {
		w.placed = append(w.placed, w.place(func(d *order.Draft) {
			d.Category = category
			d.Lines = slices.Repeat([]order.LineDraft{{ServiceType: "poster-a3", Quantity: 1 + dice.IntN(3)}}, 1+dice.IntN(2))
			if dice.IntN(3) == 0 {
				d.Budget = money(strconv.Itoa(2 + dice.IntN(5)))
			}
			if dice.IntN(8) == 0 {
				d.Deadline = new(time.Now().Add(200 * time.Millisecond))
			}
			if d.Deadline != nil && dice.IntN(2) == 0 {
				d.Pacing = &order.Pacing{Mode: order.PaceEven, Slices: 2}
			}
			d.IsDraft = dice.IntN(8) == 0
		}))
	}
}

// act is something that one of a history's actors does.
type act struct {
	name string
	do   func() error
}

// round has two or three actors do something at once.
func (p *play) round(dice *rand.Rand) {
	p.t.Helper()
	var acts []act
	busy := dice.Perm(workers)
	for i := range 2 + dice.IntN(2) {
		if dice.IntN(3) > 0 {
			acts = append(acts, p.workerDoes(p.hands[busy[i]], busy[i], dice))
		} else {
			acts = append(acts, p.othersDo(dice))
		}
	}
	names := make([]string, len(acts))
	var together sync.WaitGroup
	for i, one := range acts {
		names[i] = one.name
		together.Go(func() {
			if err := one.do(); err != nil && !store.Transient(err) {
				p.t.Errorf("%s: %v", one.name, err)
			}
		})
	}
	together.Wait()
	p.trace = append(p.trace, strings.Join(names, " | "))
}

// workerDoes draws what a worker does next.
func (p *play) workerDoes(h *hand, nth int, dice *rand.Rand) act {
	name := func(what string) string { return fmt.Sprint(what, " ", nth) }
	if h.dead {
		switch dice.IntN(3) {
		case 0:
			return act{name("come back"), func() error { return p.comeBack(h) }}
		case 1:
			return act{name("intend late"), func() error { return p.intend(h) }}
		default:
			return act{name("record late"), func() error { return p.record(h) }}
		}
	}
	most := 1 + dice.IntN(3)
	switch {
	case dice.IntN(8) == 0:
		return act{name("die"), func() error { return p.dies(h) }}
	case len(h.reports) > 0 && dice.IntN(3) > 0:
		return act{name("record"), func() error { return p.record(h) }}
	case len(h.steps) > 0:
		return act{name("call"), func() error { p.callAll(h); return nil }}
	case len(h.tasks) > 0:
		return act{name("intend"), func() error { return p.intend(h) }}
	default:
		return act{name("claim"), func() (err error) {
			h.tasks, err = p.store.TaskClaimDue(p.ctx(), h.id, term, task.QueueDispatch, most)
			return err
		}}
	}
}

// othersDo draws what people, providers and the sweeper do.
func (p *play) othersDo(dice *rand.Rand) act {
	which := dice.IntN(len(p.worlds))
	w := p.worlds[which]
	name := func(what string) string { return fmt.Sprint(what, " ", which) }
	switch dice.IntN(7) {
	case 0, 1:
		return act{name("person"), w.person}
	case 2:
		return act{name("poll"), w.poll}
	case 3:
		return act{name("hint"), w.hint}
	case 4:
		return act{"take back", func() error { _, err := p.Reap(p.ctx(), term, 100); return err }}
	case 5:
		return act{"deadlines", func() error { _, err := p.ApplyDeadlines(p.ctx(), 100); return err }}
	default:
		return act{"time passes", func() error { p.passes(); return nil }}
	}
}

// passes makes everything due that waits for its time.
func (p *play) passes() {
	p.exec(`UPDATE tasks SET due_at = now() WHERE id IN (
		SELECT id FROM tasks WHERE claim_token IS NULL AND due_at > now() FOR UPDATE SKIP LOCKED)`)
	p.exec(`UPDATE fulfillments SET next_poll_at = now() WHERE id IN (
		SELECT id FROM fulfillments WHERE next_poll_at > now() FOR UPDATE SKIP LOCKED)`)
}

func (p *play) intend(h *hand) error {
	if len(h.tasks) == 0 {
		return nil
	}
	steps, err := p.Intend(p.ctx(), h.tasks)
	if err != nil {
		return err
	}
	h.tasks = nil
	for i := range steps {
		// What a dead worker is allowed it does not do: it looks at its own heartbeats before it sends anything.
		if steps[i].Kind != fulfillment.StepNone && !h.dead {
			h.steps = append(h.steps, steps[i])
		}
	}
	return nil
}

func (p *play) callAll(h *hand) {
	for i := range h.steps {
		for _, w := range p.worlds {
			if w.who.AccountID == h.steps[i].Task.AccountID {
				h.reports = append(h.reports, w.call(&h.steps[i]))
			}
		}
	}
	h.steps = nil
}

func (p *play) record(h *hand) error {
	if len(h.reports) == 0 {
		return nil
	}
	// What is stale is dropped; see ErrStale.
	_, err := p.Record(p.ctx(), h.reports)
	if err == nil {
		h.reports = nil
	}
	return err
}

// dies lets a worker fall silent. It keeps what it knows, and sends nothing any more.
func (p *play) dies(h *hand) error {
	p.exec("UPDATE workers SET heartbeat_at = 'epoch' WHERE id = $1", h.id)
	h.dead, h.steps = true, nil
	return nil
}

// comeBack has a worker beat again under the same id, after its claims were taken back. No real one does; only the
// claims' tokens tell its old runs from its new ones.
func (p *play) comeBack(h *hand) error {
	if _, err := p.Reap(p.ctx(), term, 100); err != nil {
		return err
	}
	if left := query[int](p.stand, "SELECT count(*)::int FROM tasks WHERE worker_id = $1", h.id)[0]; left > 0 {
		return nil // somebody has it locked just now
	}
	p.exec("UPDATE workers SET heartbeat_at = now() WHERE id = $1", h.id)
	h.dead = false
	return nil
}
