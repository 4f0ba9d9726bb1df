// Package request is what the HTTP side tells the rest of a request: its id, where it came from, and the session's
// cookie in its answer. It is a leaf, so that resolvers and the log know these without knowing the server.
package request

import (
	"context"
	"time"
)

// Info is what is known of one HTTP request. The server makes it and nobody changes it.
type Info struct {
	// ID names the request in answers, errors and logs.
	ID string
	// ClientIP is the client's address without a port, or "" where that is not known.
	ClientIP string
	// Jar puts the session's cookie into the answer. It is nil where the answer's headers are gone already: on a
	// websocket.
	Jar Jar
}

// Jar puts the session's cookie into one answer. It is used before the answer's body begins, by one goroutine at a time.
type Jar interface {
	Keep(token string, expires time.Time)
	Drop()
}

type infoKey struct{}

// NewContext returns a context that carries info.
func NewContext(ctx context.Context, info *Info) context.Context {
	return context.WithValue(ctx, infoKey{}, info)
}

// FromContext returns what is known of the request; outside of one, an Info without any content. It never returns nil.
func FromContext(ctx context.Context) *Info {
	if info, ok := ctx.Value(infoKey{}).(*Info); ok {
		return info
	}
	return &Info{}
}

// ID returns the request's id, or "" outside of a request.
func ID(ctx context.Context) string { return FromContext(ctx).ID }

// ClientIP returns the client's address without a port, or "" where that is not known.
func ClientIP(ctx context.Context) string { return FromContext(ctx).ClientIP }

// TakesCookies reports whether the answer can still carry a cookie. Over a websocket it can't: nobody can sign in there.
func TakesCookies(ctx context.Context) bool { return FromContext(ctx).Jar != nil }

// Cookies keeps and drops the session of the browser that made the request. Where TakesCookies says no, both do nothing.
type Cookies struct{}

// SetSession makes the browser keep the token of a session until it expires.
func (Cookies) SetSession(ctx context.Context, token string, expires time.Time) {
	if jar := FromContext(ctx).Jar; jar != nil {
		jar.Keep(token, expires)
	}
}

// ClearSession makes the browser forget its session.
func (Cookies) ClearSession(ctx context.Context) {
	if jar := FromContext(ctx).Jar; jar != nil {
		jar.Drop()
	}
}
