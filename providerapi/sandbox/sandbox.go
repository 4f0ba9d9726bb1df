// Package sandbox simulates providers: a real HTTP server of the Boostress provider protocol, with a ledger of its own
// that knows nothing of Boostress, orders that progress by themselves, and switches for the faults that real providers
// have.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/boostress/boostress/providerapi/protocol"
)

// Errors of the configuration.
var (
	ErrConfig   = errors.New("bad sandbox configuration")
	ErrProvider = errors.New("no such simulated provider")
)

// Config is what a Server is made of.
type Config struct {
	// DataDir keeps the ledger, so that it outlives the process however that ends. "" keeps it in memory only. One
	// process at a time can have it.
	DataDir string
	// Providers are served under their slugs.
	Providers []Provider
	// AdminToken is what the paths below /_sandbox ask for, as a bearer token. "" refuses everyone.
	AdminToken string
	// Seed makes what happens by chance repeatable, as far as the order of requests is.
	Seed uint64
	// Transport carries the webhooks. Default: one of the server's own.
	Transport http.RoundTripper
	// Log hears of what goes wrong. Default: nobody.
	Log *slog.Logger
}

// Provider is a simulated provider.
type Provider struct {
	Slug          string // its path: 1 to 64 of a–z, 0–9 and "-", the first a letter
	Name          string // for people
	APIKey        string // what its paths ask for, as a bearer token
	WebhookSecret string // as protocol.ParseSecrets reads it; "" leaves webhooks unsigned
	WebhookURL    string // http or https; "" sends none
	Offers        []protocol.Offer
	Behavior      Behavior
}

// Server is a set of simulated providers. Its handler may be used before Run and after; but only while Run runs do
// orders progress and webhooks go out.
type Server struct {
	log        *slog.Logger
	adminToken string
	slugs      []string             // in the order of the configuration
	providers  map[string]*provider // by slug; also those that only the ledger remembers
	run        string               // names this process in the ids that it gives out
	ledger     ledger
	journal    *journal
	clock      clock
	handler    http.Handler
	client     *http.Client
	stopping   chan struct{} // closed when Run's context ends: waiting answers are given up
	stopOnce   sync.Once

	diceMu sync.Mutex
	dice   *rand.Rand
}

// New makes a server and reads what its ledger holds. It fails with ErrConfig, ErrBehavior, ErrInUse and ErrJournal.
func New(config Config) (*Server, error) {
	s := &Server{
		log: config.Log, adminToken: config.AdminToken, providers: make(map[string]*provider, len(config.Providers)),
		run:  strconv.FormatInt(time.Now().UnixMilli(), 36),
		dice: newDice(config.Seed), client: newWebhookClient(config.Transport), stopping: make(chan struct{}),
	}
	s.ledger.run, s.clock.kick = s.run, make(chan struct{}, 1)
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, one := range config.Providers {
		if s.providers[one.Slug] != nil {
			return nil, fmt.Errorf("%w: two providers are called %q", ErrConfig, one.Slug)
		}
		p, err := newProvider(one)
		if err != nil {
			return nil, err
		}
		s.providers[one.Slug] = p
		s.slugs = append(s.slugs, one.Slug)
	}
	if config.DataDir != "" {
		journal, err := openJournal(config.DataDir, s.load, s.dump)
		if err != nil {
			return nil, err
		}
		s.journal = journal
		s.resume()
	}
	s.handler = s.routes()
	return s, nil
}

// Handler serves every provider below its slug, the admin's side below /_sandbox, and /healthz.
func (s *Server) Handler() http.Handler { return s.handler }

// Run lets orders progress and sends webhooks until the context ends; then everything that was answered or changed is
// with the operating system. Webhooks that were not sent by then are lost, as any provider loses some. It fails when
// the journal can't be written. It can run once.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.advance(ctx) })
	for _, slug := range s.slugs {
		group.Go(func() error {
			s.sendWebhooks(ctx, s.providers[slug])
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		s.stopOnce.Do(func() { close(s.stopping) })
		return nil
	})
	err := group.Wait()
	s.client.CloseIdleConnections()
	return errors.Join(err, s.journal.flush())
}

// Close gives the ledger's files back. Requests must have ended and Run must have returned. Without it nothing that
// was answered is lost.
func (s *Server) Close() error {
	s.stopOnce.Do(func() { close(s.stopping) })
	return s.journal.close()
}

// SetWebhookURL tells a provider where its webhooks go, from now on and after a restart; "" sends none. It fails with
// ErrProvider, and with ErrConfig where the URL is none.
func (s *Server) SetWebhookURL(slug, url string) error {
	p := s.configured(slug)
	if p == nil {
		return fmt.Errorf("%w: %.80q", ErrProvider, slug)
	}
	if err := validWebhookURL(url); err != nil {
		return err
	}
	return s.set(p, func(now *settings) error {
		now.webhookURL = &url
		return nil
	})
}

// SetBehavior has a provider behave otherwise, from now on and after a restart; the counters of Next are not kept. It
// fails with ErrProvider and ErrBehavior.
func (s *Server) SetBehavior(slug string, behavior Behavior) error {
	p := s.configured(slug)
	if p == nil {
		return fmt.Errorf("%w: %.80q", ErrProvider, slug)
	}
	if err := behavior.validate(); err != nil {
		return err
	}
	return s.set(p, func(now *settings) error {
		now.behavior = &behavior
		return nil
	})
}

// configured returns the provider, or nil, also for one that only the ledger remembers.
func (s *Server) configured(slug string) *provider {
	if p := s.providers[slug]; p != nil && !p.retired {
		return p
	}
	return nil
}
