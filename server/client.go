package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks of those whose X-Forwarded-For is believed.
type proxies []netip.Prefix

// client returns the address of who made a request, without its port. Behind proxies it is the last address that
// wasn't written down by somebody unknown.
func (p proxies) client(r *http.Request) string {
	peer := host(r.RemoteAddr)
	if len(p) == 0 || !p.hold(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		peer = hop
		if !p.hold(hop) {
			break
		}
	}
	return peer
}

func (p proxies) hold(address string) bool {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	parsed = parsed.Unmap().WithZone("")
	for _, network := range p {
		if network.Contains(parsed) {
			return true
		}
	}
	return false
}

// host cuts the port off an address, without making a new text.
func host(address string) string {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(address[:colon], "["), "]")
}
