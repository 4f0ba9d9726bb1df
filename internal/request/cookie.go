package request

import (
	"net/http"
	"strings"
)

// SessionCookie is the name of the cookie that holds a session's token.
const SessionCookie = "boostress_session"

// SessionToken returns the token of the session's cookie, or "" where the request brings none. A cookie without a value
// is none: browsers send it for a moment after it was dropped.
func SessionToken(r *http.Request) string {
	// Most requests bring a key and no cookie at all.
	if len(r.Header["Cookie"]) == 0 {
		return ""
	}
	for _, cookie := range r.CookiesNamed(SessionCookie) {
		if cookie.Value != "" {
			return cookie.Value
		}
	}
	return ""
}

// Secure reports whether the request came by TLS, to us or to a proxy in front that says so. Who lies about it only
// hurts their own cookie.
func Secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}
