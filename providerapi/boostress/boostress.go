// Package boostress is the adapter of the Boostress provider protocol, docs/provider-protocol.md.
package boostress

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/protocol"
)

// Name is what the adapter is registered under.
const Name = "boostress"

// ErrConfig is returned by New for a configuration that can't work.
var ErrConfig = errors.New("bad provider configuration")

const (
	defaultTimeout = 30 * time.Second
	lookupWindow   = 2 * time.Second
	shortestPoll   = time.Second
	longestPoll    = 5 * time.Minute
	maxPages       = 100 // of offers
)

// Adapter speaks the protocol to one provider. It holds no state of its own.
type Adapter struct {
	base    string // without a slash at its end
	bearer  []string
	secrets []protocol.Secret
	http    *http.Client
	timeout time.Duration
	can     order.Capabilities
	now     func() time.Time
}

var (
	_ providerapi.Provider        = (*Adapter)(nil)
	_ providerapi.ReferenceFinder = (*Adapter)(nil)
	_ providerapi.BulkStatuser    = (*Adapter)(nil)
	_ providerapi.OfferLister     = (*Adapter)(nil)
	_ providerapi.Quoter          = (*Adapter)(nil)
	_ providerapi.Pinger          = (*Adapter)(nil)
	_ providerapi.Balancer        = (*Adapter)(nil)
	_ providerapi.WebhookParser   = (*Adapter)(nil)
)

// New makes the adapter. The base URL is what comes before "/v1". Credentials are "apiKey", sent as a bearer token,
// and, for webhooks, "webhookSecret": one or, during a rotation, several separated by spaces. A provider that falls
// short of the protocol is described by further entries, see capabilities. It fails with ErrConfig.
func New(config providerapi.Config) (providerapi.Provider, error) {
	base, err := baseURL(config.BaseURL)
	if err != nil {
		return nil, err
	}
	apiKey := config.Credentials["apiKey"]
	if !protocol.ValidKey(apiKey) {
		return nil, fmt.Errorf("%w: credential apiKey must be 1 to %d visible ASCII characters", ErrConfig, protocol.MaxKey)
	}
	secrets, err := protocol.ParseSecrets(config.Credentials["webhookSecret"])
	if err != nil {
		return nil, fmt.Errorf("%w: credential webhookSecret: %w", ErrConfig, err)
	}
	if config.HTTP == nil {
		return nil, fmt.Errorf("%w: no HTTP client", ErrConfig)
	}
	can, err := capabilities(config.Credentials)
	if err != nil {
		return nil, err
	}
	can.Webhooks = len(secrets) > 0
	timeout := config.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &Adapter{
		base: base, bearer: []string{"Bearer " + apiKey}, secrets: secrets,
		http: config.HTTP, timeout: timeout, can: can, now: time.Now,
	}, nil
}

func baseURL(text string) (string, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil, address.Scheme != "http" && address.Scheme != "https", address.Hostname() == "":
		return "", fmt.Errorf("%w: the URL must be http:// or https:// and a host", ErrConfig)
	case address.User != nil, address.RawQuery != "", address.Fragment != "":
		return "", fmt.Errorf("%w: the URL must hold no user, query or fragment; put credentials into apiKey", ErrConfig)
	}
	return strings.TrimRight(address.String(), "/"), nil
}

// Capabilities tells what the protocol promises, less what the provider was said to lack.
func (a *Adapter) Capabilities() order.Capabilities { return a.can }

// capabilities starts from what the protocol promises. Providers that keep less are described by these credentials:
//
//   - idempotency: "native" (a known key is answered with its order), "reference" (a known key is refused as a
//     duplicate) or "none" (a repeated key orders again)
//   - lookup: "true" or "false", whether orders are found by their key
//   - lookupWindow: how long an accepted order may be missing from lookups, e.g. "5m"
//   - replaysErrors: "true" or "false", whether a failure is stored for its key and repeated
func capabilities(settings map[string]string) (order.Capabilities, error) {
	can := order.Capabilities{
		Idempotency: order.IdempotencyNative, Lookup: true, LookupWindow: lookupWindow, Cancel: true,
		BulkStatusSize: protocol.MaxBatch, PollMin: shortestPoll, PollMax: longestPoll,
	}
	var faults []error
	switch settings["idempotency"] {
	case "", "native":
	case "reference":
		can.Idempotency = order.IdempotencyReference
	case "none":
		can.Idempotency = order.IdempotencyNone
	default:
		faults = append(faults, errors.New(`idempotency must be "native", "reference" or "none"`))
	}
	setFlag(&can.Lookup, settings, "lookup", &faults)
	setFlag(&can.ReplaysErrors, settings, "replaysErrors", &faults)
	if text := settings["lookupWindow"]; text != "" {
		window, err := time.ParseDuration(text)
		if err != nil || window < 0 || window > 24*time.Hour {
			faults = append(faults, errors.New(`lookupWindow must be a duration up to 24h, e.g. "5m"`))
		}
		can.LookupWindow = window
	}
	if len(faults) > 0 {
		return order.Capabilities{}, fmt.Errorf("%w: %w", ErrConfig, errors.Join(faults...))
	}
	return can, nil
}

func setFlag(into *bool, settings map[string]string, name string, faults *[]error) {
	switch settings[name] {
	case "":
	case "true":
		*into = true
	case "false":
		*into = false
	default:
		*faults = append(*faults, errors.New(name+` must be "true" or "false"`))
	}
}
