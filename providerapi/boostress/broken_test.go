package boostress_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/boostress"
	"github.com/boostress/boostress/providerapi/providertest"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// variableBroken names how the adapter of TestBrokenAdapter is broken.
const variableBroken = "BOOSTRESS_TEST_BROKEN"

// broken is the adapter with one of the mistakes that adapters have.
type broken struct {
	*boostress.Adapter

	how string
	key string
}

// mistakes are those ways, and what of the kit notices each.
var mistakes = map[string]string{
	"a 5xx is a refusal":         "accepted, then a 5xx",
	"any 404 is absence":         "stranger's 404 proves nothing",
	"a duplicate is a refusal":   "refused as a duplicate",
	"unknown words are errors":   "unknown status words",
	"sends again by itself":      "create, reply lost",
	"tells its key":              "rejected",
	"believes any webhook":       "webhook, refused",
	"unknown ids sink others":    "bulk status with unknown ids",
	"a 403 is a refusal":         "403, as it is declared",
	"knows no Retry-After":       "too many requests",
	"tries refusals for ever":    "cancel refused",
	"half an answer is enough":   "create, truncated JSON",
	"another key for each call":  "the same key twice",
	"a lost read is an absence":  "read, reply lost",
	"a lost cancel is a refusal": "cancel, gateway's error",
}

// TestKitCatches: each mistake is noticed, by the subtest that is about it.
func TestKitCatches(t *testing.T) {
	t.Parallel()
	for how, scenario := range mistakes {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			name := "TestBrokenAdapter/" + strings.ReplaceAll(scenario, " ", "_")
			pattern := "^TestBrokenAdapter$/^" + regexp.QuoteMeta(strings.TrimPrefix(name, "TestBrokenAdapter/")) + "$"
			run := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.v")
			run.Env = append(os.Environ(), variableBroken+"="+how)
			output, err := run.CombinedOutput()
			if err == nil || !strings.Contains(string(output), "--- FAIL: "+name+" ") {
				t.Errorf("nothing was noticed: %v\n%s", err, output)
			}
		})
	}
}

// TestBrokenAdapter fails: TestKitCatches runs it in a process of its own.
func TestBrokenAdapter(t *testing.T) {
	t.Parallel()
	how := os.Getenv(variableBroken)
	if how == "" {
		t.Skip("only TestKitCatches runs it")
	}
	providertest.Run(t, providertest.Suite{
		Open: func(t *testing.T) providertest.Simulator {
			t.Helper()
			return simulator{openShop(t, "", sandbox.Behavior{LateStatus: true})}
		},
		New: func(config providerapi.Config) (providerapi.Provider, error) {
			provider, err := boostress.New(config)
			if err != nil {
				return nil, err
			}
			adapter, ok := provider.(*boostress.Adapter)
			if !ok {
				return nil, errFault
			}
			return &broken{adapter, how, config.Credentials["apiKey"]}, nil
		},
		Order: request(t), Forbidden: order.ClassAuth,
	})
}

// as changes a call's error to what a mistake makes of it.
func as(err error, class order.Class) error {
	failed, ok := errors.AsType[*providerapi.Error](err)
	if !ok {
		return err
	}
	changed := *failed
	changed.Class = class
	return &changed
}

func (b *broken) Create(ctx context.Context, request providerapi.CreateRequest) (order.ExternalOrder, error) {
	if b.how == "another key for each call" {
		request.Key += time.Now().Format("-150405.000000000")
	}
	placed, err := b.Adapter.Create(ctx, request)
	failed, _ := errors.AsType[*providerapi.Error](err)
	if failed == nil {
		return placed, err
	}
	switch {
	case b.how == "a 5xx is a refusal" && failed.Status >= http.StatusInternalServerError,
		b.how == "a duplicate is a refusal" && failed.Class == order.ClassDuplicate,
		b.how == "a 403 is a refusal" && failed.Status == http.StatusForbidden:
		return order.ExternalOrder{}, as(err, order.ClassRejected)
	case b.how == "sends again by itself" && failed.Class == order.ClassUnknown:
		return b.Adapter.Create(ctx, request)
	case b.how == "half an answer is enough" && failed.Class == order.ClassUnknown:
		return order.ExternalOrder{ExternalID: "?"}, nil
	case b.how == "tells its key":
		return placed, &providerapi.Error{Class: failed.Class, Message: "refused for " + b.key}
	case b.how == "knows no Retry-After":
		return placed, &providerapi.Error{Class: failed.Class}
	}
	return placed, err
}

func (b *broken) Get(ctx context.Context, externalID string) (order.ExternalOrder, error) {
	found, err := b.Adapter.Get(ctx, externalID)
	switch {
	case b.how == "unknown words are errors" && found.State == order.ExternalOther:
		return order.ExternalOrder{}, &providerapi.Error{Class: order.ClassRetryable, Message: found.RawStatus}
	case err != nil && (b.how == "any 404 is absence" || b.how == "a lost read is an absence"):
		return found, providerapi.ErrAbsent
	}
	return found, err
}

func (b *broken) GetMany(ctx context.Context, externalIDs []string) ([]order.ExternalOrder, error) {
	found, err := b.Adapter.GetMany(ctx, externalIDs)
	if b.how == "unknown ids sink others" && len(found) < len(externalIDs) {
		return nil, &providerapi.Error{Class: order.ClassRejected, Message: "one is unknown"}
	}
	return found, err
}

func (b *broken) Cancel(ctx context.Context, externalID, key string) (order.ExternalOrder, error) {
	canceled, err := b.Adapter.Cancel(ctx, externalID, key)
	switch {
	case b.how == "tries refusals for ever" && err != nil:
		err = as(err, order.ClassRetryable)
	case b.how == "a lost cancel is a refusal" && err != nil:
		err = as(err, order.ClassRejected)
	}
	return canceled, err
}

func (b *broken) ParseWebhook(header http.Header, body []byte, now time.Time) (providerapi.Webhook, error) {
	webhook, err := b.Adapter.ParseWebhook(header, body, now)
	if b.how == "believes any webhook" {
		return webhook, nil
	}
	return webhook, err
}
