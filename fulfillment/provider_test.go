package fulfillment_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/order"
)

func providerInput(change func(*fulfillment.ProviderInput)) fulfillment.ProviderInput {
	input := fulfillment.ProviderInput{Name: ptr("one"), Adapter: "boostress", BaseURL: ptr("https://provider.example/api")}
	if change != nil {
		change(&input)
	}
	return input
}

func TestCreateProvider(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p, err := s.CreateProvider(s.ctx(), s.who, providerInput(nil))
	must(t, err)
	if !p.Enabled || p.Timeout != 30*time.Second || p.Currency != "EUR" || p.Budget != nil || p.Concurrency != 0 || p.Simulated ||
		p.AccountID != s.who.AccountID || !p.Open() {
		t.Errorf("provider is %+v", p)
	}
	full := providerInput(func(in *fulfillment.ProviderInput) {
		in.Name, in.Enabled, in.Timeout, in.Concurrency = ptr("two"), ptr(false), ptr(time.Minute), ptr(5)
		in.Currency, in.Budget, in.Simulated = "USD", ptr(amount("99.5")), true
	})
	p, err = s.CreateProvider(s.ctx(), s.who, full)
	must(t, err)
	if p.Enabled || p.Timeout != time.Minute || p.Concurrency != 5 || p.Currency != "USD" || !p.Budget.Equal(amount("99.5")) || !p.Simulated || p.Open() {
		t.Errorf("provider is %+v", p)
	}
}

func TestProviderFaults(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for name, test := range map[string]struct {
		change func(*fulfillment.ProviderInput)
		want   string
	}{
		"no name":        {func(in *fulfillment.ProviderInput) { in.Name = ptr(" ") }, "name INVALID"},
		"long name":      {func(in *fulfillment.ProviderInput) { in.Name = ptr(strings.Repeat("x", 201)) }, "name INVALID"},
		"adapter":        {func(in *fulfillment.ProviderInput) { in.Adapter = "fax" }, "adapter INVALID"},
		"currency":       {func(in *fulfillment.ProviderInput) { in.Currency = "XXX" }, "currency INVALID"},
		"short timeout":  {func(in *fulfillment.ProviderInput) { in.Timeout = ptr(time.Millisecond) }, "timeout OUT_OF_RANGE"},
		"long timeout":   {func(in *fulfillment.ProviderInput) { in.Timeout = ptr(time.Hour) }, "timeout OUT_OF_RANGE"},
		"concurrency":    {func(in *fulfillment.ProviderInput) { in.Concurrency = ptr(-1) }, "concurrency OUT_OF_RANGE"},
		"no address":     {func(in *fulfillment.ProviderInput) { in.BaseURL = nil }, "baseUrl INVALID"},
		"file":           {func(in *fulfillment.ProviderInput) { in.BaseURL = ptr("file:///etc/passwd") }, "baseUrl INVALID"},
		"no host":        {func(in *fulfillment.ProviderInput) { in.BaseURL = ptr("https:///x") }, "baseUrl INVALID"},
		"password":       {func(in *fulfillment.ProviderInput) { in.BaseURL = ptr("https://a:b@provider.example") }, "baseUrl INVALID"},
		"broken address": {func(in *fulfillment.ProviderInput) { in.BaseURL = ptr("https://%zz") }, "baseUrl INVALID"},
		"budget":         {func(in *fulfillment.ProviderInput) { in.Budget = ptr(amount("-1")) }, "budget INVALID"},
		"key":            {func(in *fulfillment.ProviderInput) { in.IdempotencyKey = "\x00" }, "idempotencyKey INVALID"},
	} {
		_, err := s.CreateProvider(s.ctx(), s.who, providerInput(test.change))
		if got := faultTexts(faultsOf(t, err)); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
	_, err := s.CreateProvider(s.ctx(), s.who, providerInput(nil))
	must(t, err)
	_, err = s.CreateProvider(s.ctx(), s.who, providerInput(nil))
	wantFaults(t, err, "name NAME_TAKEN")
	if _, err := s.CreateProvider(s.ctx(), s.account("other"), providerInput(nil)); err != nil {
		t.Errorf("another account can't use the name: %v", err)
	}
}

func TestForbiddenAddress(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	guarded := fulfillment.New(s.store, fulfillment.Options{
		Adapters:     func() []string { return []string{"boostress"} },
		CheckAddress: func(string) error { return errors.New("is inside") },
	})
	_, err := guarded.CreateProvider(s.ctx(), s.who, providerInput(nil))
	wantFaults(t, err, "baseUrl FORBIDDEN")
	p := s.providerWith(providerInput(nil))
	_, err = guarded.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Name: ptr("x")})
	wantFaults(t, err, "baseUrl FORBIDDEN")
}

func TestProviderKeys(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	input := providerInput(func(in *fulfillment.ProviderInput) {
		in.IdempotencyKey, in.Credentials = "k", map[string]string{"apiKey": "a", "webhookSecret": "b"}
	})
	first, err := s.CreateProvider(s.ctx(), s.who, input)
	must(t, err)
	second, err := s.CreateProvider(s.ctx(), s.who, input)
	if err != nil || second.ID != first.ID {
		t.Errorf("the same again: %v, %v", second, err)
	}
	input.Credentials = map[string]string{"apiKey": "c"}
	_, err = s.CreateProvider(s.ctx(), s.who, input)
	wantFaults(t, err, "idempotencyKey IDEMPOTENCY_KEY_REUSED")

	offer := offerInput(func(in *fulfillment.OfferInput) { in.ProviderID, in.IdempotencyKey = first.ID, "k" })
	one, err := s.CreateOffer(s.ctx(), s.who, offer)
	must(t, err)
	two, err := s.CreateOffer(s.ctx(), s.who, offer)
	if err != nil || one.ID != two.ID {
		t.Errorf("the same offer again: %v, %v", two, err)
	}
}

func TestUpdateProvider(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(providerInput(func(in *fulfillment.ProviderInput) { in.Credentials = map[string]string{"apiKey": "a"} }))
	s.offer(p, "5")
	s.submitted(nil)
	changed, err := s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Concurrency: ptr(3)})
	must(t, err)
	if changed.Concurrency != 3 || changed.Name != p.Name || changed.BaseURL != p.BaseURL || !changed.Reserved.Equal(amount("10")) {
		t.Errorf("changed to %+v", changed)
	}
	if kept, err := s.Credentials(s.ctx(), p.ID); err != nil || kept["apiKey"] != "a" {
		t.Errorf("credentials are %v, %v", kept, err)
	}
	_, err = s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Budget: ptr(amount("9.99"))})
	wantFaults(t, err, "budget OUT_OF_RANGE")
	changed, err = s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Budget: ptr(amount("10"))})
	must(t, err)
	if !changed.Budget.Equal(amount("10")) {
		t.Errorf("budget is %v", changed.Budget)
	}
	changed, err = s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Budget: ptr(amount("0"))})
	must(t, err)
	if changed.Budget != nil {
		t.Errorf("budget is %v, want none", changed.Budget)
	}
	s.providerWith(fulfillment.ProviderInput{Name: ptr("taken")})
	_, err = s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Name: ptr("taken")})
	wantFaults(t, err, "name NAME_TAKEN")
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.provider("one", "5")
	first, err := s.PauseProvider(s.ctx(), s.who, p.ID, "a")
	must(t, err)
	second, err := s.PauseProvider(s.ctx(), s.who, p.ID, "b")
	must(t, err)
	if first.PausedAt == nil || !first.PausedAt.Equal(*second.PausedAt) || second.PausedReason != "b" || second.Open() {
		t.Errorf("paused %+v, then %+v", first, second)
	}
	_, err = s.PauseProvider(s.ctx(), s.who, p.ID, strings.Repeat("x", 201))
	wantFaults(t, err, "reason TOO_LONG")
	for range 2 {
		resumed, err := s.ResumeProvider(s.ctx(), s.who, p.ID)
		if err != nil || resumed.PausedAt != nil || resumed.PausedReason != "" || !resumed.Open() {
			t.Errorf("resumed %+v, %v", resumed, err)
		}
	}
}

func TestCredentialsAreSealed(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	secret := map[string]string{"apiKey": "very-secret-indeed"}
	p := s.providerWith(providerInput(func(in *fulfillment.ProviderInput) { in.Credentials = secret }))
	bare := s.providerWith(fulfillment.ProviderInput{Name: ptr("bare")})
	got, err := s.Credentials(s.ctx(), p.ID)
	must(t, err)
	if diff := cmp.Diff(secret, got); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
	if none, err := s.Credentials(s.ctx(), bare.ID); err != nil || none != nil {
		t.Errorf("credentials of one that has none: %v, %v", none, err)
	}
	stored := query[[]byte](s, "SELECT credentials FROM providers WHERE id = $1", p.ID)[0]
	if bytes.Contains(stored, []byte("secret")) || bytes.Contains(stored, []byte("apiKey")) {
		t.Error("credentials are stored in the clear")
	}
	for _, table := range query[string](s, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'") {
		if found := query[int](s, "SELECT count(*)::int FROM "+table+" t WHERE t::text LIKE '%very-secret%'"); found[0] > 0 {
			t.Errorf("table %s holds a credential", table)
		}
	}
	s.exec("UPDATE providers SET credentials = $1 WHERE id = $2", stored, bare.ID) // another row's
	if _, err := s.Credentials(s.ctx(), bare.ID); !errors.Is(err, seal.ErrCorrupt) {
		t.Errorf("credentials moved to another provider: %v", err)
	}
	if _, err := s.Credentials(s.ctx(), id.New(id.Provider)); !errors.Is(err, order.ErrNotFound) {
		t.Errorf("credentials of no provider: %v", err)
	}
}

func offerInput(change func(*fulfillment.OfferInput)) fulfillment.OfferInput {
	input := fulfillment.OfferInput{
		ExternalID: "poster", Name: ptr("Poster"), Category: ptr("prints"), ServiceType: ptr("poster-a3"), UnitPrice: money("5"),
	}
	if change != nil {
		change(&input)
	}
	return input
}

func TestOffers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(providerInput(nil))
	of := func(change func(*fulfillment.OfferInput)) fulfillment.OfferInput {
		return offerInput(func(in *fulfillment.OfferInput) {
			in.ProviderID = p.ID
			if change != nil {
				change(in)
			}
		})
	}
	made, err := s.CreateOffer(s.ctx(), s.who, of(nil))
	must(t, err)
	if !made.Enabled || made.MinQuantity != 1 || made.MaxQuantity != 0 || made.Currency != "EUR" || !made.UnitPrice.Equal(amount("5")) {
		t.Errorf("offer is %+v", made)
	}
	now := time.Now()
	for name, test := range map[string]struct {
		change func(*fulfillment.OfferInput)
		want   string
	}{
		"external id": {func(in *fulfillment.OfferInput) { in.ExternalID = "" }, "externalId INVALID"},
		"taken":       {func(*fulfillment.OfferInput) {}, "externalId NAME_TAKEN"},
		"name":        {func(in *fulfillment.OfferInput) { in.Name = ptr("") }, "name INVALID"},
		"category":    {func(in *fulfillment.OfferInput) { in.Category = ptr("") }, "category INVALID"},
		"service":     {func(in *fulfillment.OfferInput) { in.ServiceType = ptr("") }, "serviceType INVALID"},
		"price":       {func(in *fulfillment.OfferInput) { in.UnitPrice = money("-1") }, "unitPrice.amount INVALID"},
		"currency":    {func(in *fulfillment.OfferInput) { in.UnitPrice.Currency = "USD" }, "unitPrice.currency INVALID"},
		"minimum":     {func(in *fulfillment.OfferInput) { in.MinQuantity = ptr(0) }, "minQuantity OUT_OF_RANGE"},
		"maximum":     {func(in *fulfillment.OfferInput) { in.MaxQuantity = ptr(-1) }, "maxQuantity OUT_OF_RANGE"},
		"bounds":      {func(in *fulfillment.OfferInput) { in.MinQuantity, in.MaxQuantity = ptr(5), ptr(4) }, "maxQuantity OUT_OF_RANGE"},
		"window":      {func(in *fulfillment.OfferInput) { in.AvailableFrom, in.AvailableUntil = &now, &now }, "availableUntil OUT_OF_RANGE"},
		"sla":         {func(in *fulfillment.OfferInput) { in.SLA = ptr(-time.Second) }, "sla OUT_OF_RANGE"},
		"cool-down":   {func(in *fulfillment.OfferInput) { in.CoolDown = ptr(-time.Second) }, "coolDown OUT_OF_RANGE"},
	} {
		_, err := s.CreateOffer(s.ctx(), s.who, of(test.change))
		if got := faultTexts(faultsOf(t, err)); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
	changed, err := s.UpdateOffer(s.ctx(), s.who, made.ID, fulfillment.OfferInput{UnitPrice: money("6"), MaxQuantity: ptr(9)})
	must(t, err)
	if !changed.UnitPrice.Equal(amount("6")) || changed.MaxQuantity != 9 || changed.Name != "Poster" || changed.ExternalID != "poster" {
		t.Errorf("changed to %+v", changed)
	}
	_, err = s.SetOffersEnabled(s.ctx(), s.who, []uuid.UUID{made.ID, id.New(id.Offer)}, false)
	wantFaults(t, err, "ids.1 NOT_FOUND")
	if enabled := query[bool](s, "SELECT enabled FROM offers"); !slices.Equal(enabled, []bool{true}) {
		t.Errorf("enabled is %v after a refused change", enabled)
	}
	off, err := s.SetOffersEnabled(s.ctx(), s.who, []uuid.UUID{made.ID}, false)
	if err != nil || len(off) != 1 || off[0].Enabled {
		t.Errorf("disabled %+v, %v", off, err)
	}
}

func TestRunningFulfillmentsKeepTheirPrice(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(providerInput(nil))
	offer := s.offer(p, "5")
	o := s.place(nil)
	s.record(s.step(fulfillment.StepCreate), outcome(order.ClassRetryable))
	_, err := s.UpdateOffer(s.ctx(), s.who, offer.ID, fulfillment.OfferInput{UnitPrice: money("50")})
	must(t, err)
	step := s.step(fulfillment.StepCreate)
	if !step.Request.UnitPrice.Amount.Equal(amount("5")) {
		t.Errorf("the price is now %s", step.Request.UnitPrice)
	}
	s.wantMoney(o, "10", "0", "0")
}

func TestOthersCatalogIsNotThere(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	p := s.providerWith(providerInput(nil))
	offer := s.offer(p, "5")
	other := s.account("other")
	for name, do := range map[string]func() error{
		"update": func() error {
			_, err := s.UpdateProvider(s.ctx(), other, p.ID, fulfillment.ProviderInput{Name: ptr("x")})
			return err
		},
		"pause":  func() error { _, err := s.PauseProvider(s.ctx(), other, p.ID, ""); return err },
		"resume": func() error { _, err := s.ResumeProvider(s.ctx(), other, p.ID); return err },
		"offer": func() error {
			_, err := s.CreateOffer(s.ctx(), other, offerInput(func(in *fulfillment.OfferInput) { in.ProviderID = p.ID }))
			return err
		},
		"update offer": func() error {
			_, err := s.UpdateOffer(s.ctx(), other, offer.ID, fulfillment.OfferInput{Name: ptr("x")})
			return err
		},
	} {
		if err := do(); !errors.Is(err, order.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.SetOffersEnabled(s.ctx(), other, []uuid.UUID{offer.ID}, false)
	wantFaults(t, err, "ids.0 NOT_FOUND")
	if enabled := query[bool](s, "SELECT enabled FROM offers"); !slices.Equal(enabled, []bool{true}) {
		t.Errorf("enabled is %v", enabled)
	}
}
