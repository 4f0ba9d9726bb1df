package order

import (
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
)

// Provider is an account at an external system.
type Provider struct {
	ID           uuid.UUID
	AccountID    uuid.UUID
	Name         string // unique per account
	Adapter      string // which integration speaks to it, e.g. "boostress"
	BaseURL      string
	Enabled      bool
	Simulated    bool // test-mode keys may reach it
	PausedReason string
	PausedAt     *time.Time
	Timeout      time.Duration    // of one call
	Concurrency  int              // calls at a time per worker process; 0: unlimited
	Budget       *decimal.Decimal // for all time; nil: unlimited
	DayBudget    *decimal.Decimal // for each day, UTC; nil: unlimited
	RateCalls    int              // calls within RatePer, over all processes; 0: unlimited
	RatePer      time.Duration
	Priority     int // of routing by priority, 0–9, higher first
	Weight       int // of routing by weight, 1 or more
	Currency     Currency
	Reserved     decimal.Decimal
	Spent        decimal.Decimal
	Overcharge   decimal.Decimal
	Attention    string // what a person must see to: it refused our credentials, say; "": nothing
	CreatedAt    time.Time
	UpdatedAt    time.Time
	DeletedAt    *time.Time // since when it is hidden and given nothing; its history stays

	Measured Measured // only as of a read for routing
	Today    Today    // only as of a read for routing, or for change
}

// Open reports whether the provider is given new fulfillments. One that wants a person is not, until somebody has
// updated or resumed it.
func (p *Provider) Open() bool {
	return p.Enabled && p.PausedAt == nil && p.Attention == "" && p.DeletedAt == nil
}

// Sums are what ledger entries add up to.
type Sums struct {
	Reserved   decimal.Decimal
	Spent      decimal.Decimal
	Overcharge decimal.Decimal
}

// Committed returns what of a budget is taken.
func (s Sums) Committed() (decimal.Decimal, error) {
	return Sum(s.Reserved, s.Spent, s.Overcharge.Neg())
}

// within reports whether a budget has room for one more reservation; nil has always. One with an overcharge takes none.
func (s Sums) within(budget *decimal.Decimal, amount decimal.Decimal) bool {
	if budget == nil {
		return true
	}
	if s.Overcharge.IsPos() {
		return false
	}
	total, err := Sum(s.Reserved, s.Spent, amount)
	return err == nil && total.Cmp(*budget) <= 0
}

// Affords reports whether the provider's budgets, for all time and for the day, have room for one more reservation. One
// that was overcharged takes none.
func (p *Provider) Affords(amount decimal.Decimal) bool {
	return p.AffordsInAll(amount) && p.AffordsToday(amount)
}

// AffordsInAll is Affords for the budget for all time alone.
func (p *Provider) AffordsInAll(amount decimal.Decimal) bool {
	return p.Sums().within(p.Budget, amount)
}

// Sums returns what all of the provider's ledger entries add up to.
func (p *Provider) Sums() Sums {
	return Sums{Reserved: p.Reserved, Spent: p.Spent, Overcharge: p.Overcharge}
}

// Count has the next to ask see what was just reserved, though it is not committed yet.
func (p *Provider) Count(reserved decimal.Decimal) error {
	total, err := Sum(p.Reserved, reserved)
	if err != nil {
		return err
	}
	today, err := Sum(p.Today.Reserved, reserved)
	if err != nil {
		return err
	}
	p.Reserved, p.Today.Reserved = total, today
	return nil
}

// DayOf returns the day (UTC midnight) to whose budget a reservation made at a time belongs.
func DayOf(at time.Time) time.Time {
	const day = 24 * time.Hour
	return at.UTC().Truncate(day)
}

// RateLimit is how often a provider may be called, over all processes: so many calls at once after a rest, and then one
// for each part of the time.
type RateLimit struct {
	Calls int
	Per   time.Duration
}

// Offer is what a provider sells.
type Offer struct {
	ID             uuid.UUID
	AccountID      uuid.UUID
	ProviderID     uuid.UUID
	ExternalID     string // the provider's own id of it; unique per provider
	Name           string
	Category       string
	ServiceType    string
	UnitPrice      decimal.Decimal
	Currency       Currency
	MinQuantity    int
	MaxQuantity    int           // 0: unlimited
	AvailableFrom  *time.Time    // nil: always was
	AvailableUntil *time.Time    // nil: stays
	SLA            time.Duration // progress is expected within; 0: no promise
	CoolDown       time.Duration // between fulfillments of the same kind; 0: none
	Regions        []string      // ISO 3166-1 alpha-2 codes of the countries it is delivered to; empty: all
	Priority       int           // of routing by priority, 0–9, higher first
	Weight         int           // of routing by weight, 1 or more
	Enabled        bool
	GivenAt        *time.Time // when it was last given a fulfillment; kept only of one with a cool-down
	Vanished       bool       // it was disabled because its provider listed it no more
	CreatedAt      time.Time
	UpdatedAt      time.Time

	FulfillTime *time.Duration // as Measured.FulfillTime, of this offer alone; only as of a read for routing
}

// IdempotencyMode is what a provider does with a key it has seen before.
type IdempotencyMode string

// The idempotency modes found among providers.
const (
	IdempotencyNone      IdempotencyMode = "NONE"      // the same call again orders again
	IdempotencyNative    IdempotencyMode = "NATIVE"    // the same key again answers with the first order
	IdempotencyReference IdempotencyMode = "REFERENCE" // our reference is the key and can be looked up
)

// Capabilities is what an adapter declares of its provider; the engine reconciles unknown outcomes by it.
type Capabilities struct {
	Idempotency    IdempotencyMode
	KeyLifetime    time.Duration // how long a key is remembered; 0: for ever
	ReplaysErrors  bool          // a stored 5xx is replayed for its key: retrying that key never succeeds
	Lookup         bool          // an order can be found by our key
	LookupWindow   time.Duration // how long acceptance may be invisible to a lookup
	Cancel         bool
	BulkStatusSize int           // orders per status call; 0: one by one
	PollMin        time.Duration // shortest useful polling interval; 0: 1 s
	PollMax        time.Duration // longest polling interval; 0: 15 min
	Webhooks       bool
}

// ExternalState is a provider's status word, mapped to ours.
type ExternalState string

// The states an order can have at a provider.
const (
	ExternalAccepted   ExternalState = "ACCEPTED"
	ExternalInProgress ExternalState = "IN_PROGRESS"
	ExternalPartial    ExternalState = "PARTIALLY_FULFILLED"
	ExternalFulfilled  ExternalState = "FULFILLED"
	ExternalRejected   ExternalState = "REJECTED"
	ExternalFailed     ExternalState = "FAILED"
	ExternalCanceling  ExternalState = "CANCELING"
	ExternalCanceled   ExternalState = "CANCELED"
	ExternalOther      ExternalState = "OTHER" // a word the adapter does not know: kept raw, changes nothing
)

// ExternalOrder is what a provider says about one of its orders at one moment.
type ExternalOrder struct {
	ExternalID string
	Key        string // the key it was created with, where the provider tells
	State      ExternalState
	RawStatus  string
	Delivered  int    // units delivered so far
	Charge     *Money // nil: not known yet
	Message    string
	Reroutable bool // of a REJECTED one: another provider may take it
	Results    []ExternalResult
}

// Outcome is a provider's answer to one create or cancel call.
type Outcome struct {
	Class      Class
	Order      *ExternalOrder // with ACCEPTED, and with DUPLICATE where it was looked up
	Message    string         // redacted
	RetryAfter time.Duration  // of RATE_LIMITED and RETRYABLE; 0: not told
	Reroutable bool           // of REJECTED
	Latency    time.Duration
	Request    []byte // redacted JSON, or nil
	Response   []byte // redacted JSON, or nil
}
