package providerapi

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"code.dny.dev/ssrf"
)

// ErrAddress is returned for an address that no call may go to.
var ErrAddress = errors.New("is in a network that nothing may be sent to")

// CheckAddress fails with ErrAddress where it can be told without asking anybody that the guard would refuse every
// connection to a URL: its host is an IP address outside of the guard, or a name of this machine. What other names stand
// for is found when they are dialed.
func (g Guard) CheckAddress(address string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%w: it can't be read", ErrAddress)
	}
	host := strings.ToLower(strings.TrimSuffix(parsed.Hostname(), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return nil //nolint:nilerr // it is a name
	}
	if err := g.guardian().SafeAddrPort(netip.AddrPortFrom(at.Unmap(), anyPort)); err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, parsed.Hostname())
	}
	return nil
}

const anyPort = 443

func (g Guard) guardian() *ssrf.Guardian {
	var v4, v6 []netip.Prefix
	for _, prefix := range g.Allow {
		if prefix.Addr().Unmap().Is4() {
			v4 = append(v4, prefix)
		} else {
			v6 = append(v6, prefix)
		}
	}
	return ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))
}
