package providerapi_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/boostress/boostress/providerapi"
)

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	loopback := providerapi.Guard{Allow: providerapi.Loopback()}
	private := providerapi.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, tt := range []struct {
		guard   providerapi.Guard
		address string
		refused bool
	}{
		{providerapi.Guard{}, "https://example.com/hook", false},
		{providerapi.Guard{}, "https://93.184.215.14:8443/", false},
		{providerapi.Guard{}, "http://127.0.0.1:8080/", true},
		{providerapi.Guard{}, "http://[::1]/", true},
		{providerapi.Guard{}, "http://[::ffff:127.0.0.1]/", true},
		{providerapi.Guard{}, "http://169.254.169.254/latest", true},
		{providerapi.Guard{}, "http://10.1.2.3/", true},
		{providerapi.Guard{}, "http://LOCALHOST./", true},
		{providerapi.Guard{}, "http://a.localhost/", true},
		{providerapi.Guard{}, "http://%zz/", true},
		{loopback, "http://localhost:8080/", false},
		{loopback, "http://10.1.2.3/", true},
		{private, "http://10.1.2.3/", false},
		{private, "http://127.0.0.1/", true},
	} {
		if err := tt.guard.CheckAddress(tt.address); errors.Is(err, providerapi.ErrAddress) != tt.refused {
			t.Errorf("%s: %v, refused %v wanted", tt.address, err, tt.refused)
		}
	}
}
