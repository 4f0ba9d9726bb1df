package sandbox

import (
	"fmt"
	"hash/maphash"
	"maps"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/boostress/boostress/providerapi/protocol"
)

// provider is a simulated provider at work.
type provider struct {
	slug, name, initials string
	apiKey               string
	secrets              []protocol.Secret
	catalog              []protocol.Offer
	offers               map[string]*offer
	configured           settings
	retired              bool // no longer configured; its orders stay in the ledger as they are

	seed   maphash.Seed
	shards [shards]shard

	behavior   atomic.Pointer[Behavior] // without Next
	webhookURL atomic.Pointer[string]
	hooks      hooks

	settingsMu sync.Mutex
	override   settings // what an admin set

	nextLeft atomic.Int64 // sum of next
	nextMu   sync.Mutex
	next     map[string]int

	errorsMu sync.Mutex
	errors   map[string]struct{} // keys that got a 5xx while such are stored
}

// settings are what can be changed at run time; nil: not set.
type settings struct {
	behavior   *Behavior
	webhookURL *string
}

// offer is an offer with its price as a number.
type offer struct {
	protocol.Offer

	price micros
}

func newProvider(config Provider) (*provider, error) {
	fault := func(format string, arguments ...any) error {
		return fmt.Errorf("%w: provider %.80q: %w", ErrConfig, config.Slug, fmt.Errorf(format, arguments...))
	}
	if !validSlug(config.Slug) {
		return nil, fault(`its slug must be 1 to 64 of a–z, 0–9 and "-", the first a letter`)
	}
	if !protocol.ValidKey(config.APIKey) {
		return nil, fault("its API key must be 1 to %d visible ASCII characters", protocol.MaxKey)
	}
	secrets, err := protocol.ParseSecrets(config.WebhookSecret)
	if err != nil {
		return nil, fault("%w", err)
	}
	if err := validWebhookURL(config.WebhookURL); err != nil {
		return nil, fault("%w", err)
	}
	if err := config.Behavior.validate(); err != nil {
		return nil, fault("%w", err)
	}
	p := emptyProvider(config.Slug)
	p.name, p.apiKey, p.secrets, p.catalog = config.Name, config.APIKey, secrets, config.Offers
	for i := range config.Offers {
		wire := config.Offers[i]
		price, err := parseMicros(wire.UnitPrice.Amount)
		if err != nil || wire.ID == "" || wire.ServiceType == "" || p.offers[wire.ID] != nil {
			return nil, fault("offer %.80q needs an id of its own, a service type and a price", wire.ID)
		}
		p.offers[wire.ID] = &offer{Offer: wire, price: price}
	}
	p.configured = settings{&config.Behavior, &config.WebhookURL}
	p.setNext(p.apply().Next)
	return p, nil
}

// currency is that of the offers.
func (p *provider) currency() string {
	if len(p.catalog) == 0 {
		return euro
	}
	return p.catalog[0].UnitPrice.Currency
}

func emptyProvider(slug string) *provider {
	p := &provider{
		slug: slug, initials: initials(slug), offers: map[string]*offer{},
		seed: maphash.MakeSeed(), next: map[string]int{}, errors: map[string]struct{}{},
	}
	p.hooks.kick = make(chan struct{}, 1)
	for i := range p.shards {
		p.shards[i].keys = map[string]*entry{}
	}
	return p
}

// retired is a provider that only the ledger remembers.
func retired(slug string) *provider {
	p := emptyProvider(slug)
	p.retired, p.configured = true, settings{&Behavior{LateStatus: true}, new(string)}
	p.apply()
	return p
}

func validSlug(slug string) bool {
	if slug == "" || len(slug) > 64 {
		return false
	}
	for i := range len(slug) {
		switch c := slug[i]; {
		case 'a' <= c && c <= 'z':
		case i > 0 && (c == '-' || '0' <= c && c <= '9'):
		default:
			return false
		}
	}
	return true
}

// initials begin the ids of a provider's orders: "northwind-prints" is "np".
func initials(slug string) string {
	var first strings.Builder
	for part := range strings.SplitSeq(slug, "-") {
		if part != "" {
			first.WriteByte(part[0])
		}
	}
	return first.String()
}

func validWebhookURL(text string) error {
	if text == "" {
		return nil
	}
	address, err := url.Parse(text)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Hostname() == "" {
		return fmt.Errorf("%w: a webhook URL must be http:// or https:// and a host", ErrConfig)
	}
	return nil
}

// set changes a provider's settings, now and in the journal.
func (s *Server) set(p *provider, change func(now *settings) error) error {
	p.settingsMu.Lock()
	before, changed := p.override.behavior, p.override
	if err := change(&changed); err != nil {
		p.settingsMu.Unlock()
		return err
	}
	line, err := appendSettings(nil, p.slug, changed)
	if err != nil {
		p.settingsMu.Unlock()
		return err
	}
	p.override = changed
	behavior := p.apply()
	if changed.behavior != before {
		p.setNext(behavior.Next)
	}
	position := s.journal.append(func(buf []byte) []byte { return append(buf, line...) })
	p.settingsMu.Unlock()
	s.clock.release()
	return s.journal.wait(position)
}

// apply puts the settings into force, but for the counters, and returns the behavior.
func (p *provider) apply() Behavior {
	behavior, address := *p.configured.behavior, p.configured.webhookURL
	if p.override.behavior != nil {
		behavior = *p.override.behavior
	}
	if p.override.webhookURL != nil {
		address = p.override.webhookURL
	}
	inForce := behavior
	inForce.Next = nil
	p.behavior.Store(&inForce)
	p.webhookURL.Store(address)
	return behavior
}

// now is the behavior in force with what is left of its counters.
func (p *provider) now() Behavior {
	behavior := *p.behavior.Load()
	p.nextMu.Lock()
	defer p.nextMu.Unlock()
	if len(p.next) > 0 {
		behavior.Next = maps.Clone(p.next)
	}
	return behavior
}

func (p *provider) setNext(next map[string]int) {
	p.nextMu.Lock()
	defer p.nextMu.Unlock()
	clear(p.next)
	left := 0
	for name, count := range next {
		if count > 0 {
			p.next[name] = count
			left += count
		}
	}
	p.nextLeft.Store(int64(left))
}

// takeNext reports whether the next create is to meet the fault, and takes it off.
func (p *provider) takeNext(fault string) bool {
	if p.nextLeft.Load() == 0 {
		return false
	}
	p.nextMu.Lock()
	defer p.nextMu.Unlock()
	if p.next[fault] == 0 {
		return false
	}
	p.next[fault]--
	if p.next[fault] == 0 {
		delete(p.next, fault)
	}
	p.nextLeft.Add(-1)
	return true
}

func (p *provider) storedError(key string) bool {
	p.errorsMu.Lock()
	defer p.errorsMu.Unlock()
	_, stored := p.errors[key]
	return stored
}

// storeError remembers that a key got a 5xx and returns the journal's position of it.
func (s *Server) storeError(p *provider, key string) uint64 {
	p.errorsMu.Lock()
	defer p.errorsMu.Unlock()
	if _, stored := p.errors[key]; stored {
		return 0
	}
	p.errors[key] = struct{}{}
	return s.journal.append(func(buf []byte) []byte { return appendError(buf, p.slug, key) })
}
