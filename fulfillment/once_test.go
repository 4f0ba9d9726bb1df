package fulfillment_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

func TestSameKeySameOrder(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	d := draft(func(d *order.Draft) {
		d.IdempotencyKey, d.Metadata, d.Budget = "k", []byte(`{"a":1,"b":12345678901234567890}`), money("50.00")
	})
	first, err := s.CreateOrder(s.ctx(), s.who, d)
	must(t, err)
	s.exec("UPDATE orders SET attention = 'as it is now' WHERE id = $1", first.ID)
	again := d
	again.Metadata, again.Budget = []byte(` {"b": 12345678901234567890, "a": 1} `), money("50")
	second, err := s.CreateOrder(s.ctx(), s.who, again)
	must(t, err)
	if second.ID != first.ID || second.Attention != "as it is now" {
		t.Errorf("got %+v, want order %s as it is now", second, first.ID)
	}
	s.exec("UPDATE orders SET attention = '' WHERE id = $1", first.ID)
	for name, change := range map[string]func(*order.Draft){
		"another reference": func(d *order.Draft) { d.Reference = "x" },
		"a large number, a little larger": func(d *order.Draft) {
			d.Metadata = []byte(`{"a":1,"b":12345678901234567891}`)
		},
		"another quantity": func(d *order.Draft) { d.Lines = []order.LineDraft{{ServiceType: "poster-a3", Quantity: 3}} },
		"invalid besides":  func(d *order.Draft) { d.Category = "" },
	} {
		other := d
		change(&other)
		_, err := s.CreateOrder(s.ctx(), s.who, other)
		if faults := faultTexts(faultsOf(t, err)); !slices.Contains(faults, "idempotencyKey IDEMPOTENCY_KEY_REUSED") {
			t.Errorf("%s: %v", name, faults)
		}
	}
	if _, err := s.CreateOrder(s.ctx(), s.account("other"), d); err != nil {
		t.Errorf("another account can't use the key: %v", err)
	}
}

func faultsOf(t *testing.T, err error) (faults order.Faults) {
	t.Helper()
	if !errors.As(err, &faults) {
		t.Fatalf("no faults: %v", err)
	}
	return faults
}

func TestOnlySuccessesUseUpAKey(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.place(func(d *order.Draft) { d.Reference = "taken" })
	d := draft(func(d *order.Draft) { d.Reference, d.IdempotencyKey = "taken", "k" })
	for range 2 {
		_, err := s.CreateOrder(s.ctx(), s.who, d)
		wantFaults(t, err, "reference REFERENCE_TAKEN")
	}
	d.Reference = "free"
	if _, err := s.CreateOrder(s.ctx(), s.who, d); err != nil {
		t.Errorf("the key is used up: %v", err)
	}
	bad := draft(func(d *order.Draft) { d.Category, d.IdempotencyKey = "", "bad" })
	_, err := s.CreateOrder(s.ctx(), s.who, bad)
	wantFaults(t, err, "category REQUIRED")
	bad.Category = "prints"
	if _, err := s.CreateOrder(s.ctx(), s.who, bad); err != nil {
		t.Errorf("the key of a refused draft is used up: %v", err)
	}
	_, err = s.CreateOrder(s.ctx(), s.who, draft(func(d *order.Draft) { d.IdempotencyKey = "a\x00" }))
	wantFaults(t, err, "idempotencyKey INVALID")
	_, faults, err := s.CreateOrders(s.ctx(), s.who, "a\x00", []order.Draft{draft(nil)})
	must(t, err)
	wantFaults(t, faults.Err(), "idempotencyKey INVALID")
}

// TestReplayAfterTheDeadline has the same request come again when its deadline, which was fine, has passed.
func TestReplayAfterTheDeadline(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	soon := time.Now().Add(500 * time.Millisecond)
	d := draft(func(d *order.Draft) { d.Deadline, d.IdempotencyKey = &soon, "k" })
	first, err := s.CreateOrder(s.ctx(), s.who, d)
	must(t, err)
	<-time.After(time.Until(soon) + 10*time.Millisecond)
	second, err := s.CreateOrder(s.ctx(), s.who, d)
	if err != nil || second.ID != first.ID {
		t.Errorf("the same request again: %v, %v", second, err)
	}
	placed, faults, err := s.CreateOrders(s.ctx(), s.who, "", []order.Draft{d})
	if err != nil || len(faults) > 0 || placed[0].ID != first.ID {
		t.Errorf("the same draft in a batch: %v, %v, %v", placed, faults, err)
	}
}

func TestBatchKeys(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.place(func(d *order.Draft) { d.Reference = "taken" })
	drafts := []order.Draft{
		draft(nil), draft(func(d *order.Draft) { d.Reference = "taken" }), draft(func(d *order.Draft) { d.IdempotencyKey = "one" }),
		draft(func(d *order.Draft) { d.Category = "" }),
	}
	first, faults, err := s.CreateOrders(s.ctx(), s.who, "batch", drafts)
	must(t, err)
	wantFaults(t, faults.Err(), "orders.1.reference REFERENCE_TAKEN", "orders.3.category REQUIRED")
	second, faults, err := s.CreateOrders(s.ctx(), s.who, "batch", drafts)
	must(t, err)
	wantFaults(t, faults.Err(), "orders.1.idempotencyKey CONFLICT", "orders.3.category REQUIRED")
	if second[0].ID != first[0].ID || second[2].ID != first[2].ID || second[1] != nil || second[3] != nil {
		t.Errorf("first %v, second %v", first, second)
	}
	_, faults, err = s.CreateOrders(s.ctx(), s.who, "batch", drafts[:2])
	must(t, err)
	wantFaults(t, faults.Err(), "idempotencyKey IDEMPOTENCY_KEY_REUSED")
	alone, err := s.CreateOrder(s.ctx(), s.who, drafts[2])
	if err != nil || alone.ID != first[2].ID {
		t.Errorf("a draft's own key outside of its batch: %v, %v", alone, err)
	}
	twice := drafts[2]
	_, faults, err = s.CreateOrders(s.ctx(), s.who, "", []order.Draft{
		draft(func(d *order.Draft) { d.IdempotencyKey = "same" }), draft(func(d *order.Draft) { d.IdempotencyKey = "same" }), twice,
	})
	must(t, err)
	wantFaults(t, faults.Err(), "orders.1.idempotencyKey IDEMPOTENCY_IN_PROGRESS")
}

func TestReplayOfAnOrderThatIsGone(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	d := draft(func(d *order.Draft) { d.IdempotencyKey = "k" })
	placed, err := s.CreateOrder(s.ctx(), s.who, d)
	must(t, err)
	for _, table := range []string{"order_lines", "fulfillments", "events", "tasks"} {
		s.exec("DELETE FROM "+table+" WHERE order_id = $1", placed.ID)
	}
	s.exec("DELETE FROM orders WHERE id = $1", placed.ID)
	_, err = s.CreateOrder(s.ctx(), s.who, d)
	wantFaults(t, err, "idempotencyKey CONFLICT")
	s.exec("DELETE FROM idempotency_keys")
}

// TestKeyInProgress holds the first request's transaction open.
func TestKeyInProgress(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	d := draft(func(d *order.Draft) { d.IdempotencyKey = "k" })
	held, release := make(chan struct{}), make(chan struct{})
	var first sync.WaitGroup
	first.Go(func() {
		err := s.store.Write(s.ctx(), func(tx *store.Tx) error {
			claim := store.Claim{AccountID: s.who.AccountID, Mutation: "createOrder", Key: "k"}
			got, _, err := tx.TryKeys(s.ctx(), []store.Claim{claim})
			if err == nil && !got[0] {
				err = errors.New("the key is in use")
			}
			close(held)
			<-release
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	_, err := s.CreateOrder(s.ctx(), s.who, d)
	wantFaults(t, err, "idempotencyKey IDEMPOTENCY_IN_PROGRESS")
	d.IdempotencyKey = "another"
	if _, err := s.CreateOrder(s.ctx(), s.who, d); err != nil {
		t.Errorf("another key waits for it: %v", err)
	}
	close(release)
	first.Wait()
}

// TestManyWithOneKey has fifty callers place one order at the same time.
func TestManyWithOneKey(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	d := draft(func(d *order.Draft) { d.IdempotencyKey = "k" })
	var callers sync.WaitGroup
	var mu sync.Mutex
	got := map[uuid.UUID]int{}
	for range 50 {
		callers.Go(func() {
			placed, err := s.CreateOrder(s.ctx(), s.who, d)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got[placed.ID]++
				return
			}
			var faults order.Faults
			if !errors.As(err, &faults) || faults[0].Code != order.CodeIdempotencyInProgress {
				t.Errorf("neither placed nor in progress: %v", err)
			}
		})
	}
	callers.Wait()
	if stored := query[int](s, "SELECT count(*)::int FROM orders"); stored[0] != 1 || len(got) != 1 {
		t.Errorf("%d orders are stored, callers got %v", stored[0], got)
	}
}
