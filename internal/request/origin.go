package request

import (
	"net/http"
	"net/url"
	"strings"
)

// Origins tells which pages may use a session's cookie: those of the server's own origin, and those listed, e.g.
// "https://shop.example.com". The zero value lists none.
type Origins struct{ listed map[string]bool }

// NewOrigins returns the server's own origin and those listed.
func NewOrigins(listed []string) Origins {
	origins := Origins{listed: make(map[string]bool, len(listed))}
	for _, origin := range listed {
		origins.listed[strings.ToLower(strings.TrimSuffix(strings.TrimSpace(origin), "/"))] = true
	}
	return origins
}

// Trusts reports whether a request comes from a trusted page, or from no page at all: programs other than browsers
// send no Origin, and browsers send one with everything that could change something or open a websocket. The scheme of
// the own origin is not compared, because a proxy in front may hold the certificate.
func (o Origins) Trusts(r *http.Request) bool {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return true
	}
	origin := strings.ToLower(values[0])
	if len(values) > 1 {
		return false
	}
	if o.listed[origin] {
		return true
	}
	parsed, err := url.Parse(origin)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return false
	}
	return sameHost(parsed, r.Host)
}

// sameHost reports whether an origin names the host of a request; the port of its scheme may be left out in either.
func sameHost(origin *url.URL, host string) bool {
	standard := map[string]string{"http": ":80", "https": ":443"}[origin.Scheme]
	return strings.TrimSuffix(origin.Host, standard) == strings.TrimSuffix(strings.ToLower(host), standard)
}
