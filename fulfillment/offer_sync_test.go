package fulfillment_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/task"
)

// lists is a provider's list: an id and a price each, of posters.
func lists(pairs ...string) (listed []order.ExternalOffer) {
	for pair := range slices.Chunk(pairs, 2) {
		listed = append(listed, order.ExternalOffer{
			ExternalID: pair[0], Name: "Poster " + pair[0], Category: "prints", ServiceType: "poster-a3", UnitPrice: *money(pair[1]), MinQuantity: 1,
		})
	}
	return listed
}

// sync has a provider's list compared.
func (s *stand) sync(p *order.Provider, mode order.SyncMode, listed []order.ExternalOffer) *order.OfferSync {
	s.t.Helper()
	begun, err := s.SyncOffers(s.ctx(), s.who, p.ID, mode)
	must(s.t, err)
	ended, err := s.FinishSync(s.ctx(), begun.ID, listed)
	must(s.t, err)
	s.exec("DELETE FROM tasks WHERE kind = 'SYNC_OFFERS'")
	return ended
}

func (s *stand) wantOffers(p *order.Provider, want ...string) {
	s.t.Helper()
	got := query[string](s, `SELECT external_id || ' ' || trim_scale(unit_price) || CASE WHEN enabled THEN '' ELSE ' off' END
		FROM offers WHERE provider_id = $1 ORDER BY external_id`, p.ID)
	if !slices.Equal(got, want) {
		s.t.Errorf("offers are %q, want %q", got, want)
	}
}

func TestSyncApplies(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(fulfillment.ProviderInput{Name: new("one")})
	o := s.place(nil)
	s.idle()
	s.want(o, order.Pending, order.FulfillmentUnroutable)
	s.exec("UPDATE tasks SET due_at = now() + interval '1 hour'")

	sync := s.sync(p, order.SyncApply, append(lists("a", "4", "b", "5", "b", "6"), order.ExternalOffer{
		ExternalID: "c", Name: "C", Category: "prints", ServiceType: "poster-a3", MinQuantity: 1,
		UnitPrice: order.Money{Amount: amount("1"), Currency: "USD"},
	}))
	if sync.State != order.SyncApplied || sync.Added != 2 || sync.Skipped != 2 || sync.ListedAt == nil {
		t.Errorf("synchronization is %+v", sync)
	}
	s.wantOffers(p, "a 4", "b 5")
	if due := query[bool](s, "SELECT due_at <= now() FROM tasks"); !slices.Equal(due, []bool{true}) {
		t.Errorf("what found no offer is due: %v", due)
	}
	step := s.step(fulfillment.StepCreate)
	s.record(step, outcome(order.ClassRetryable))

	// A new price changes nothing of what runs.
	if sync = s.sync(p, order.SyncApply, lists("a", "40", "b", "5")); sync.Changed != 1 {
		t.Errorf("synchronization is %+v", sync)
	}
	s.wantOffers(p, "a 40", "b 5")
	if again := s.step(fulfillment.StepCreate); !again.Request.UnitPrice.Amount.Equal(amount("4")) || again.Request.OfferExternalID != "a" {
		t.Errorf("the price is now %s", again.Request.UnitPrice)
	}
	s.wantMoney(o, "8", "0", "0")

	// What is listed no more is kept, and comes back when it is listed again; but not what a person disabled.
	s.sync(p, order.SyncApply, lists("b", "5"))
	s.wantOffers(p, "a 40 off", "b 5")
	s.sync(p, order.SyncApply, lists("a", "41", "b", "5"))
	s.wantOffers(p, "a 41", "b 5")
	ids := query[uuid.UUID](s, "SELECT id FROM offers ORDER BY external_id")
	s.sync(p, order.SyncApply, lists("b", "5"))
	_, err := s.setOffers(s.who, false, ids[0])
	must(t, err)
	s.sync(p, order.SyncApply, lists("a", "41", "b", "5"))
	s.wantOffers(p, "a 41 off", "b 5")

	if sync = s.sync(p, order.SyncApply, nil); sync.State != order.SyncProposed || sync.Error == "" {
		t.Errorf("an empty list was taken over: %+v", sync)
	}
	s.wantOffers(p, "a 41 off", "b 5")
	actions := query[string](s, "SELECT actor FROM audit_entries WHERE action = 'offer.sync'")
	if len(actions) != 6 || actions[0] != s.who.Actor {
		t.Errorf("audited %v", actions)
	}
}

func TestSyncProposes(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(fulfillment.ProviderInput{Name: new("one")})
	s.sync(p, order.SyncApply, lists("a", "4", "b", "5"))
	proposed := s.sync(p, order.SyncPropose, lists("a", "6", "c", "7"))
	if proposed.State != order.SyncProposed || proposed.Added != 1 || proposed.Changed != 1 || proposed.Disabled != 1 {
		t.Errorf("synchronization is %+v", proposed)
	}
	s.wantOffers(p, "a 4", "b 5")
	if _, err := s.ApproveSync(s.ctx(), s.account("other"), proposed.ID); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("another account's approval: %v", err)
	}
	for range 2 { // approving it again changes nothing
		approved, err := s.ApproveSync(s.ctx(), s.who, proposed.ID)
		if err != nil || approved.State != order.SyncApplied || approved.DecidedBy != s.who.Actor || approved.DecidedAt == nil {
			t.Errorf("approved %+v, %v", approved, err)
		}
	}
	s.wantOffers(p, "a 6", "b 5 off", "c 7")
	_, err := s.DiscardSync(s.ctx(), s.who, proposed.ID)
	wantFaults(t, err, "id CONFLICT")

	discarded := s.sync(p, order.SyncPropose, lists("a", "9"))
	for range 2 {
		if got, err := s.DiscardSync(s.ctx(), s.who, discarded.ID); err != nil || got.State != order.SyncDiscarded {
			t.Errorf("discarded %+v, %v", got, err)
		}
	}
	_, err = s.ApproveSync(s.ctx(), s.who, discarded.ID)
	wantFaults(t, err, "id CONFLICT")
	s.wantOffers(p, "a 6", "b 5 off", "c 7")
}

// TestProposalsHoldForWhatTheyShowed: an offer that somebody changed since is not overwritten, nor is anything else.
func TestProposalsHoldForWhatTheyShowed(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(fulfillment.ProviderInput{Name: new("one")})
	s.sync(p, order.SyncApply, lists("a", "4", "b", "5"))
	proposed := s.sync(p, order.SyncPropose, lists("a", "6", "b", "7"))
	ids := query[uuid.UUID](s, "SELECT id FROM offers ORDER BY external_id")
	_, err := s.UpdateOffer(s.ctx(), s.who, ids[1], fulfillment.OfferInput{UnitPrice: money("5.50")})
	must(t, err)
	_, err = s.ApproveSync(s.ctx(), s.who, proposed.ID)
	wantFaults(t, err, "id CONFLICT")
	s.wantOffers(p, "a 4", "b 5.5")
}

func TestOneSyncAtATime(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(fulfillment.ProviderInput{Name: new("one")})
	first, err := s.SyncOffers(s.ctx(), s.who, p.ID, order.SyncPropose)
	must(t, err)
	s.wantTasks(task.KindSyncOffers)
	again, err := s.SyncOffers(s.ctx(), s.who, p.ID, order.SyncPropose)
	if err != nil || again.ID != first.ID {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	_, err = s.SyncOffers(s.ctx(), s.who, p.ID, order.SyncApply)
	wantFaults(t, err, "providerId CONFLICT")
	_, err = s.SyncOffers(s.ctx(), s.who, p.ID, "GUESS")
	wantFaults(t, err, "mode INVALID")

	s.exec("DELETE FROM tasks") // its task was given up
	second, err := s.SyncOffers(s.ctx(), s.who, p.ID, order.SyncApply)
	if err != nil || second.ID == first.ID {
		t.Errorf("after its task was given up: %+v, %v", second, err)
	}
	if failed, _, err := s.Sync(s.ctx(), first.ID); err != nil || failed.State != order.SyncFailed || failed.Error == "" {
		t.Errorf("the one without a task is %+v, %v", failed, err)
	}
	must(t, s.FailSync(s.ctx(), second.ID, "away"))
	if late, err := s.FinishSync(s.ctx(), second.ID, lists("a", "4")); err != nil || late.State != order.SyncFailed {
		t.Errorf("a late list ends with %+v, %v", late, err)
	}
	s.wantOffers(p)
	s.exec("DELETE FROM tasks")
}
