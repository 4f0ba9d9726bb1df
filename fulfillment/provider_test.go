package fulfillment_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/order"
)

func providerInput(change func(*fulfillment.ProviderInput)) fulfillment.ProviderInput {
	input := fulfillment.ProviderInput{Name: new("one"), Adapter: "boostress", BaseURL: new("https://provider.example/api")}
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
		in.Name, in.Enabled, in.Timeout, in.Concurrency = new("two"), new(false), new(time.Minute), new(5)
		in.Currency, in.Budget, in.Simulated = "USD", new(amount("99.5")), true
	})
	p, err = s.CreateProvider(s.ctx(), s.who, full)
	must(t, err)
	if p.Enabled || p.Timeout != time.Minute || p.Concurrency != 5 || p.Currency != "USD" || !p.Budget.Equal(amount("99.5")) ||
		!p.Simulated || p.Open() {
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
		"no name":        {func(in *fulfillment.ProviderInput) { in.Name = new(" ") }, "name INVALID"},
		"long name":      {func(in *fulfillment.ProviderInput) { in.Name = new(strings.Repeat("x", 201)) }, "name INVALID"},
		"adapter":        {func(in *fulfillment.ProviderInput) { in.Adapter = "fax" }, "adapter INVALID"},
		"currency":       {func(in *fulfillment.ProviderInput) { in.Currency = "XXX" }, "currency INVALID"},
		"short timeout":  {func(in *fulfillment.ProviderInput) { in.Timeout = new(time.Millisecond) }, "timeout OUT_OF_RANGE"},
		"long timeout":   {func(in *fulfillment.ProviderInput) { in.Timeout = new(time.Hour) }, "timeout OUT_OF_RANGE"},
		"priority":       {func(in *fulfillment.ProviderInput) { in.Priority = new(10) }, "priority OUT_OF_RANGE"},
		"weight":         {func(in *fulfillment.ProviderInput) { in.Weight = new(0) }, "weight OUT_OF_RANGE"},
		"concurrency":    {func(in *fulfillment.ProviderInput) { in.Concurrency = new(-1) }, "concurrency OUT_OF_RANGE"},
		"no address":     {func(in *fulfillment.ProviderInput) { in.BaseURL = nil }, "baseUrl INVALID"},
		"file":           {func(in *fulfillment.ProviderInput) { in.BaseURL = new("file:///etc/passwd") }, "baseUrl INVALID"},
		"no host":        {func(in *fulfillment.ProviderInput) { in.BaseURL = new("https:///x") }, "baseUrl INVALID"},
		"password":       {func(in *fulfillment.ProviderInput) { in.BaseURL = new("https://a:b@provider.example") }, "baseUrl INVALID"},
		"broken address": {func(in *fulfillment.ProviderInput) { in.BaseURL = new("https://%zz") }, "baseUrl INVALID"},
		"budget":         {func(in *fulfillment.ProviderInput) { in.Budget = new(amount("-1")) }, "budget INVALID"},
		"day budget":     {func(in *fulfillment.ProviderInput) { in.DayBudget = new(amount("-1")) }, "dayBudget INVALID"},
		"rate":           {func(in *fulfillment.ProviderInput) { in.RateLimit = &order.RateLimit{Per: time.Second} }, "rateLimit.calls OUT_OF_RANGE"},
		"rate's time": {
			func(in *fulfillment.ProviderInput) { in.RateLimit = &order.RateLimit{Calls: 1, Per: 25 * time.Hour} }, "rateLimit.per OUT_OF_RANGE",
		},
		"key": {func(in *fulfillment.ProviderInput) { in.IdempotencyKey = "\x00" }, "idempotencyKey INVALID"},
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
	_, err = guarded.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Name: new("x")})
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
	changed, err := s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Concurrency: new(3)})
	must(t, err)
	if changed.Concurrency != 3 || changed.Name != p.Name || changed.BaseURL != p.BaseURL || !changed.Reserved.Equal(amount("10")) {
		t.Errorf("changed to %+v", changed)
	}
	if kept, err := s.Credentials(s.ctx(), p.ID); err != nil || kept["apiKey"] != "a" {
		t.Errorf("credentials are %v, %v", kept, err)
	}
	_, err = s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Budget: new(amount("9.99"))})
	wantFaults(t, err, "budget OUT_OF_RANGE")
	changed, err = s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Budget: new(amount("10"))})
	must(t, err)
	if !changed.Budget.Equal(amount("10")) {
		t.Errorf("budget is %v", changed.Budget)
	}
	changed, err = s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Budget: new(amount("0"))})
	must(t, err)
	if changed.Budget != nil {
		t.Errorf("budget is %v, want none", changed.Budget)
	}
	s.providerWith(fulfillment.ProviderInput{Name: new("taken")})
	_, err = s.UpdateProvider(s.ctx(), s.who, p.ID, fulfillment.ProviderInput{Name: new("taken")})
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
	bare := s.providerWith(fulfillment.ProviderInput{Name: new("bare")})
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
