package providerapi_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/boostress/boostress/providerapi"
)

// Whatever a provider sends, what is kept of it is small and valid JSON.
func FuzzRedact(f *testing.F) {
	f.Add([]byte(`{"destination":{"name":"Ada"},"password":"x","list":[1,2,{"a":"b@c.de"}]}`))
	f.Add([]byte(`"\ud800 Bearer abcdefgh12345"`))
	f.Add([]byte("\"\xff\""))
	f.Add([]byte(`["\u0000", {"\u0000a": 1e999999}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := providerapi.Redact(body)
		if len(body) == 0 {
			return
		}
		if !json.Valid(got) || !utf8.Valid(got) || bytes.Contains(got, []byte(`\u0000`)) || len(got) > providerapi.MaxRedacted {
			t.Fatalf("%q became %q", body, got)
		}
	})
}
