package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/boostress/boostress/internal/gqlclient"
)

const (
	placeEvery = 400 * time.Millisecond // a batch
	batchSize  = 8
	mostOpen   = 400 // orders; then nothing is placed for a while
	mostTries  = 200 // of one request, a quarter of a second apart
)

// load is the people: they place orders and change their minds, as fast as one installation on a small machine bears.
type load struct {
	soak    *soak
	clients []*gqlclient.Client
	dice    *rand.Rand

	mu     sync.Mutex
	known  []string // references of acknowledged orders
	ids    []string
	number int
	again  int
}

func newLoad(s *soak, seed uint64) *load {
	return &load{
		soak: s, clients: []*gqlclient.Client{s.at(s.roles["api-1"]), s.at(s.roles["api-2"])}, dice: rand.New(rand.NewPCG(seed, 2)),
	}
}

func (l *load) run(ctx context.Context) {
	tick := time.NewTicker(placeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// What was asked is waited for, also when the load is to end.
		if l.soak.open() < mostOpen { //nolint:contextcheck // see above
			l.batch(batchSize) //nolint:contextcheck // see above
		}
		l.meddle(ctx)
	}
}

func (l *load) client() *gqlclient.Client { return l.clients[rand.IntN(len(l.clients))] }

// batch places orders, and asks again with the same key for as long as it takes.
func (l *load) batch(size int) []string {
	l.mu.Lock()
	batch := make([]map[string]any, size)
	references := make([]string, size)
	for i := range batch {
		l.number++
		references[i] = fmt.Sprintf("soak-%d", l.number)
		batch[i] = map[string]any{
			"reference": references[i], "category": category,
			"destination": map[string]any{"name": "Ada", "countryCode": "GB"},
			"budget":      map[string]any{"amount": "50.00", "currency": "EUR"},
			"lines":       []any{map[string]any{"serviceType": service, "quantity": 1 + l.dice.IntN(3)}},
		}
		if l.dice.IntN(10) == 0 {
			batch[i]["deadline"] = time.Now().Add(time.Minute + time.Duration(l.dice.IntN(60))*time.Second).UTC().Format(time.RFC3339)
		}
	}
	l.mu.Unlock()
	for range mostTries {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.soak.t.Context()), 5*time.Second)
		ids, err := placeBatch(ctx, l.client(), batch)
		cancel()
		l.mu.Lock()
		if err == nil {
			l.known = append(l.known, references...)
			if size > 1 { // nobody changes their mind about a probe
				l.ids = append(l.ids, ids...)
			}
			l.mu.Unlock()
			return ids
		}
		l.again++
		l.mu.Unlock()
		<-time.After(250 * time.Millisecond)
	}
	l.soak.t.Errorf("orders %v were never accepted", references)
	return nil
}

// one places one order and returns its id, or "".
func (l *load) one() string {
	if ids := l.batch(1); len(ids) == 1 {
		return ids[0]
	}
	return ""
}

// The things that people do. What the order's state does not allow is refused, which is no fault.
var meddling = map[string]string{
	"cancel":  `mutation($id: ID!) { cancelOrder(input: {id: $id}) { userErrors { code } } }`,
	"hold":    `mutation($id: ID!) { holdOrder(input: {id: $id, name: "soak", reason: "a person thinks"}) { userErrors { code } } }`,
	"release": `mutation($id: ID!) { releaseOrder(input: {id: $id}) { userErrors { code } } }`,
	"update":  `mutation($id: ID!) { updateOrder(input: {id: $id, priority: 7, metadata: {by: "soak"}}) { userErrors { code } } }`,
}

// meddle changes some of the latest orders.
func (l *load) meddle(ctx context.Context) {
	l.mu.Lock()
	latest := append([]string(nil), l.ids[max(0, len(l.ids)-40):]...)
	l.mu.Unlock()
	if len(latest) == 0 {
		return
	}
	for what, mutation := range meddling {
		if rand.IntN(3) == 0 {
			l.do(ctx, what, mutation, latest[rand.IntN(len(latest))])
		}
	}
}

func (l *load) do(ctx context.Context, what, mutation, id string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var result map[string]struct{ UserErrors []struct{ Code string } }
	if err := l.client().Do(ctx, mutation, map[string]any{"id": id}, &result); err != nil {
		return
	}
	for _, payload := range result {
		if len(payload.UserErrors) == 0 {
			l.soak.count(what)
		}
	}
}

const openIDs = `{ orders(filter: {isOpen: true}, first: 100) { nodes { id isHeld } } }`

// goOn releases what is held and, where told, cancels what is open still.
func (l *load) goOn(giveUp bool) {
	ctx, cancel := context.WithTimeout(l.soak.t.Context(), 20*time.Second)
	defer cancel()
	var open struct {
		Orders struct {
			Nodes []struct {
				ID     string
				IsHeld bool
			}
		}
	}
	if err := l.client().Do(ctx, openIDs, nil, &open); err != nil {
		return
	}
	for _, order := range open.Orders.Nodes {
		if order.IsHeld {
			l.do(ctx, "release", meddling["release"], order.ID)
		}
		if giveUp {
			l.do(ctx, "cancel", meddling["cancel"], order.ID)
		}
	}
}

// ended reports whether an order has; not while nobody answers.
func (l *load) ended(id string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.soak.t.Context()), 2*time.Second)
	defer cancel()
	var seen struct{ Order *struct{ Status string } }
	if err := l.client().Do(ctx, `query($id: ID!) { order(id: $id) { status } }`, map[string]any{"id": id}, &seen); err != nil {
		return false
	}
	switch seen.Order.Status {
	case "FULFILLED", "CANCELED", "EXPIRED", "FAILED", "PARTIALLY_FAILED":
		return true
	}
	return false
}

func (l *load) placed() (acknowledged, again int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.known), l.again
}

func (l *load) references() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.known...)
}
