package protocol_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
)

func secret(t testing.TB, fill string) []protocol.Secret {
	t.Helper()

	secrets, err := protocol.ParseSecrets(protocol.FormatSecret([]byte(strings.Repeat(fill, 32))))
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

// The example of the Standard Webhooks specification.
func TestVerifyAcceptsThePublishedExample(t *testing.T) {
	t.Parallel()

	secrets, err := protocol.ParseSecrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	header.Set("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("webhook-timestamp", "1614265330")
	header.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
	id, err := protocol.Verify(header, secrets, time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil || id != "msg_p5jXN8AQM9LWM0D4loKWxJek" {
		t.Errorf("got %q, %v", id, err)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()

	ours, old := secret(t, "a"), secret(t, "b")
	both := append(append([]protocol.Secret{}, ours...), old...)
	body := []byte(`{"type":"orders.changed"}`)
	nine := strings.Repeat("v1,AA== ", 8)
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Set(name, value) }
	}
	tests := map[string]struct {
		signers []protocol.Secret
		keys    []protocol.Secret
		at      time.Time
		spoil   func(http.Header)
		body    []byte
		good    bool
	}{
		"good":                         {signers: ours, good: true},
		"sender rotates":               {signers: both, good: true},
		"receiver rotates":             {signers: old, keys: both, good: true},
		"old secret is gone":           {signers: old},
		"no secret is known":           {signers: ours, keys: []protocol.Secret{}},
		"unsigned":                     {signers: ours, spoil: func(h http.Header) { h.Del(protocol.HeaderWebhookSignature) }},
		"without id":                   {signers: ours, spoil: func(h http.Header) { h.Del(protocol.HeaderWebhookID) }},
		"two ids":                      {signers: ours, spoil: func(h http.Header) { h.Add(protocol.HeaderWebhookID, "other") }},
		"other id":                     {signers: ours, spoil: set(protocol.HeaderWebhookID, "other")},
		"id with a full stop":          {signers: ours, spoil: set(protocol.HeaderWebhookID, "msg.1")},
		"without timestamp":            {signers: ours, spoil: func(h http.Header) { h.Del(protocol.HeaderWebhookTimestamp) }},
		"timestamp of letters":         {signers: ours, spoil: set(protocol.HeaderWebhookTimestamp, "now")},
		"signed timestamp":             {signers: ours, spoil: set(protocol.HeaderWebhookTimestamp, "-1")},
		"other timestamp":              {signers: ours, spoil: set(protocol.HeaderWebhookTimestamp, strconv.FormatInt(noon.Unix()+1, 10))},
		"other version":                {signers: ours, spoil: func(h http.Header) { replace(h, "v1,", "v2,") }},
		"version missing":              {signers: ours, spoil: func(h http.Header) { replace(h, "v1,", "") }},
		"signature cut":                {signers: ours, spoil: func(h http.Header) { replace(h, "=", "") }},
		"nine signatures":              {signers: ours, spoil: func(h http.Header) { replace(h, "v1,", nine+"v1,") }},
		"asymmetric signature besides": {signers: ours, good: true, spoil: func(h http.Header) { replace(h, "v1,", "v1a,AA== v1,") }},
		"other body":                   {signers: ours, body: []byte(`{"type":"orders.changed" }`)},
		"five minutes old":             {signers: ours, at: noon.Add(-protocol.Tolerance), good: true},
		"older than five minutes":      {signers: ours, at: noon.Add(-protocol.Tolerance - time.Second)},
		"more than five minutes ahead": {signers: ours, at: noon.Add(protocol.Tolerance + time.Second)},
		"body beyond the bound":        {signers: ours, body: make([]byte, protocol.MaxWebhook+1)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			at, keys := tt.at, tt.keys
			if at.IsZero() {
				at = noon
			}
			if keys == nil {
				keys = ours
			}
			header := http.Header{}
			protocol.Sign(header, tt.signers, "msg_1", at, body)
			if tt.spoil != nil {
				tt.spoil(header)
			}
			received := body
			if tt.body != nil {
				received = tt.body
			}
			id, err := protocol.Verify(header, keys, noon, received)
			switch {
			case tt.good && (err != nil || id != "msg_1"):
				t.Errorf("got %q, %v", id, err)
			case !tt.good && !errors.Is(err, protocol.ErrSignature):
				t.Errorf("got %q, %v; want ErrSignature", id, err)
			}
		})
	}
}

func replace(header http.Header, from, to string) {
	header.Set(protocol.HeaderWebhookSignature, strings.Replace(header.Get(protocol.HeaderWebhookSignature), from, to, 1))
}

func TestParseSecrets(t *testing.T) {
	t.Parallel()

	good := protocol.FormatSecret([]byte(strings.Repeat("s", 24)))
	tests := map[string]struct {
		text string
		want int // -1: refused
	}{
		"none":           {"", 0},
		"one":            {good, 1},
		"two":            {good + " " + good, 2},
		"too many":       {strings.Repeat(good+" ", 5), -1},
		"without prefix": {strings.TrimPrefix(good, "whsec_"), -1},
		"not base64":     {"whsec_!!!", -1},
		"too short":      {protocol.FormatSecret([]byte("short")), -1},
		"too long":       {protocol.FormatSecret(make([]byte, 65)), -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			secrets, err := protocol.ParseSecrets(tt.text)
			if tt.want < 0 {
				if !errors.Is(err, protocol.ErrSecret) || strings.Contains(err.Error(), tt.text) {
					t.Errorf("got %v, %v", secrets, err)
				}
				return
			}
			if err != nil || len(secrets) != tt.want {
				t.Errorf("got %v, %v", secrets, err)
			}
		})
	}
}

func TestSecretsDoNotPrintThemselves(t *testing.T) {
	t.Parallel()

	if text := fmt.Sprintf("%v %+v %#v %s", secret(t, "a"), secret(t, "a"), secret(t, "a"), secret(t, "a")); strings.Contains(text, "97") {
		t.Error(text)
	}
}
