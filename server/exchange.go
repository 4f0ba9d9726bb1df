package server

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/boostress/boostress/internal/request"
)

// exchange is one request and its answer: it notes what is answered, and puts the session's cookie into it.
type exchange struct {
	http.ResponseWriter

	info    request.Info
	request *http.Request
	status  int   // 0: nothing was answered yet
	written int64 // bytes of the answer's body
	taken   bool  // the connection was taken over by a websocket

	operation string // of GraphQL: its type and name, or ""
	outcome   string // of it
}

var _ request.Jar = (*exchange)(nil)

func (e *exchange) WriteHeader(status int) {
	if e.status == 0 && status >= http.StatusOK {
		e.status = status
	}
	e.ResponseWriter.WriteHeader(status)
}

func (e *exchange) Write(body []byte) (int, error) {
	if e.status == 0 {
		e.status = http.StatusOK
	}
	written, err := e.ResponseWriter.Write(body)
	e.written += int64(written)
	return written, err //nolint:wrapcheck // it is the same answer
}

// Unwrap lets http.ResponseController reach what it controls.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// Hijack hands the connection over to a websocket.
func (e *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffered, err := http.NewResponseController(e.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over connection: %w", err)
	}
	e.taken, e.status = true, http.StatusSwitchingProtocols
	return connection, buffered, nil
}

// Keep makes the browser keep a session's token.
func (e *exchange) Keep(token string, expires time.Time) {
	e.setCookie(token, expires.UTC(), 0)
}

// Drop makes the browser forget its session.
func (e *exchange) Drop() {
	e.setCookie("", time.Time{}, -1)
}

func (e *exchange) setCookie(token string, expires time.Time, maxAge int) {
	http.SetCookie(e, &http.Cookie{ //nolint:gosec // without TLS, browsers would drop a Secure cookie
		Name: request.SessionCookie, Value: token, Path: "/", Expires: expires, MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: request.Secure(e.request),
	})
}
