package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/internal/seal"
)

// logging is how a process logs.
type logging struct {
	LogFormat string `default:"text" enum:"text,json" env:"BOOSTRESS_LOG_FORMAT" help:"How to log: text or json (${default})."`
	LogLevel  string `default:"info" enum:"debug,info,warn,error" env:"BOOSTRESS_LOG_LEVEL" help:"What to log: debug, info, warn or error (${default})."` //nolint:lll // a tag
}

func (l logging) logger() *slog.Logger {
	var level slog.Level
	// The flag's enum leaves only levels that can be read.
	_ = level.UnmarshalText([]byte(l.LogLevel))
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(request.Log(slog.NewJSONHandler(os.Stderr, options)))
	}
	return slog.New(request.Log(slog.NewTextHandler(os.Stderr, options)))
}

// stores is where the record and the lists are.
type stores struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" help:"Postgres, 14 or newer, as postgres://user:password@host:port/database (or DATABASE_URL_FILE)." placeholder:"URL"`                            //nolint:lll // a tag
	RedisURL    string `name:"redis-url" env:"REDIS_URL" help:"Redis, 7.0 or newer, or Valkey, as redis://user:password@host:port/0 (or REDIS_URL_FILE). It holds nothing that can't be lost." placeholder:"URL"` //nolint:lll // a tag
}

// settings are what the roles of a process share.
type settings struct {
	stores
	logging

	SecretKey       string         `name:"secret-key" env:"BOOSTRESS_SECRET_KEY" help:"Seals what is secret in the database and signs cursors: 32 bytes in base64; old keys may follow, separated by commas (or BOOSTRESS_SECRET_KEY_FILE)." placeholder:"KEY"`                                                              //nolint:lll // a tag
	AdminUser       string         `name:"admin-user" env:"BOOSTRESS_ADMIN_USER" default:"admin" help:"Name of the admin made at the first start (${default})."`                                                                                                                                                             //nolint:lll // a tag
	AdminPassword   string         `name:"admin-password" env:"BOOSTRESS_ADMIN_PASSWORD" help:"Password of the admin made at the first start (or BOOSTRESS_ADMIN_PASSWORD_FILE)." placeholder:"PASSWORD"`                                                                                                                    //nolint:lll // a tag
	AllowedNetworks []string       `name:"allowed-networks" env:"BOOSTRESS_ALLOWED_NETWORKS" help:"Private networks in which providers may be reached, as CIDR, separated by commas (none)." placeholder:"CIDR"`                                                                                                             //nolint:lll // a tag
	TrustedOrigins  []string       `name:"trusted-origins" env:"BOOSTRESS_TRUSTED_ORIGINS" help:"Origins besides the server's own whose pages may use a session cookie, separated by commas (none)." placeholder:"ORIGIN"`                                                                                                   //nolint:lll // a tag
	TrustedProxies  []string       `name:"trusted-proxies" env:"BOOSTRESS_TRUSTED_PROXIES" help:"Networks of proxies in front, as CIDR, separated by commas, whose X-Forwarded-For tells the client's address (none)." placeholder:"CIDR"`                                                                                   //nolint:lll // a tag
	DatabaseConns   int32          `name:"database-conns" env:"BOOSTRESS_DATABASE_CONNS" default:"16" help:"Connections to Postgres of this process (${default})."`                                                                                                                                                          //nolint:lll // a tag
	Slots           map[string]int `env:"BOOSTRESS_SLOTS" mapsep:"," help:"How many tasks of each queue this worker process runs at a time, as QUEUE=COUNT, separated by commas; 0: the queue is not served here; queues that are left out keep their default (dispatch=256,status=16,system=4)." placeholder:"QUEUE=COUNT"` //nolint:lll // a tag
	ArchiveDir      string         `name:"archive-dir" env:"BOOSTRESS_ARCHIVE_DIR" help:"Where this worker process writes exports, and task results before they are dropped where that is asked for (none: neither can be; of dev, archive in its data directory)." placeholder:"PATH"`                                      //nolint:lll // a tag
	Term            time.Duration  `env:"BOOSTRESS_TERM" default:"10s" help:"How long a silent worker keeps its claims (${default})."`
	DrainTimeout    time.Duration  `name:"drain-timeout" env:"BOOSTRESS_DRAIN_TIMEOUT" default:"15s" help:"How long SIGTERM waits for running work (${default}); at most 20s."` //nolint:lll // a tag
}

// The bounds of settings.
const (
	longestDrain = 20 * time.Second
	shortestTerm = time.Second
	mostSlots    = 4096 // of one queue
)

var errSetting = errors.New("invalid configuration")

// check names all that is wrong with the settings at once.
func (s *settings) check() error {
	var faults []string
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, text)
		}
	}
	faults = append(faults, s.faults()...)
	_, err := seal.NewKeyring(s.secretKeys()...)
	fault(err != nil, "--secret-key (BOOSTRESS_SECRET_KEY) must be 32 random bytes in base64, e.g. from `openssl rand -base64 32`")
	_, err = networks(s.AllowedNetworks)
	fault(err != nil, fmt.Sprintf("--allowed-networks (BOOSTRESS_ALLOWED_NETWORKS): %v", err))
	_, err = networks(s.TrustedProxies)
	fault(err != nil, fmt.Sprintf("--trusted-proxies (BOOSTRESS_TRUSTED_PROXIES): %v", err))
	for _, origin := range s.TrustedOrigins {
		parsed, err := url.Parse(origin)
		fault(err != nil || parsed.Host == "" || parsed.Path != "",
			fmt.Sprintf("--trusted-origins (BOOSTRESS_TRUSTED_ORIGINS): %q is no origin like https://shop.example.com", origin))
	}
	fault(s.DatabaseConns < 4, "--database-conns (BOOSTRESS_DATABASE_CONNS) must be at least 4")
	faults = append(faults, s.slotFaults()...)
	fault(s.Term < shortestTerm, "--term (BOOSTRESS_TERM) must be at least 1s")
	fault(s.DrainTimeout < 0 || s.DrainTimeout > longestDrain, "--drain-timeout (BOOSTRESS_DRAIN_TIMEOUT) must be 0s to 20s")
	return faultsError(faults)
}

func (s *stores) faults() []string {
	var faults []string
	for _, store := range []struct {
		flag, variable, value string
		schemes               []string
	}{
		{"--database-url", "DATABASE_URL", s.DatabaseURL, []string{"postgres", "postgresql"}},
		{"--redis-url", "REDIS_URL", s.RedisURL, []string{"redis", "rediss", "unix"}},
	} {
		parsed, err := url.Parse(store.value)
		switch {
		case store.value == "":
			faults = append(faults, fmt.Sprintf("%s (%s) is missing", store.flag, store.variable))
		case err != nil, !slices.Contains(store.schemes, parsed.Scheme):
			// The value may hold a password: it is not repeated.
			faults = append(faults, fmt.Sprintf("%s (%s) must begin with %s://", store.flag, store.variable, store.schemes[0]))
		}
	}
	return faults
}

func faultsError(faults []string) error {
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n  - %s", errSetting, strings.Join(faults, "\n  - "))
}

func (s *settings) secretKeys() []string {
	keys := strings.Split(s.SecretKey, ",")
	for i := range keys {
		keys[i] = strings.TrimSpace(keys[i])
	}
	return keys
}

func networks(list []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, text := range list {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("read network: %w", err)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

// listen opens the address, and says how to mend it where that is taken.
func listen(flag, addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr) //nolint:noctx // it does not wait
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (choose another address with %s)", addr, err, flag)
	}
	return listener, nil
}
