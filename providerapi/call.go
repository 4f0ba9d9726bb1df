package providerapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"

	"code.dny.dev/ssrf"

	"github.com/boostress/boostress/order"
)

// keptBuffer is the largest buffer that is kept for the next reply, in bytes.
const keptBuffer = 64 << 10

// Reply is a provider's answer, read whole.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte // valid until Release

	buffer *bytes.Buffer
}

// Release gives the body's memory back; the body must not be used afterwards. Calling it is optional.
func (r *Reply) Release() {
	if r.buffer != nil && r.buffer.Cap() <= keptBuffer {
		buffers.Put(r.buffer)
	}
	r.buffer, r.Body = nil, nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }} //nolint:gochecknoglobals // memory to reuse holds no state

// NewRequest returns a request with a JSON body, or with none where body is nil, and notes it where the context
// captures the call. The HTTP client sends it at most once. It would send others again by itself, when a kept
// connection turns out to be closed and the request names an Idempotency-Key: whether a call may be repeated is not
// for it to say. The body must not be changed afterwards.
func NewRequest(ctx context.Context, method, address string, body []byte) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		// A type that net/http does not know, so that it can't rewind it.
		reader = io.NopCloser(bytes.NewReader(body))
	}
	request, err := http.NewRequestWithContext(ctx, method, address, reader)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		request.ContentLength = int64(len(body))
		request.Header["Content-Type"] = []string{"application/json"}
		noted(ctx, body)
	}
	return request, nil
}

// Call sends a request and reads the answer whole. Any answer is a success here, whatever its status; the adapter
// classifies it. The error is an *Error: RETRYABLE where the request surely did not reach the provider, NEEDS_ACTION
// where its address is in a network that the guard does not allow, UNKNOWN otherwise. When only the answer's body
// could not be read, the reply holds its status and what was read.
//
// A request whose effect matters must never be sent twice on its own: make it with NewRequest.
func Call(client *http.Client, request *http.Request) (Reply, error) {
	// With a connection at hand the request is written by another goroutine, even while the call is being given up:
	// from here on nobody knows what went out.
	var connected atomic.Bool
	leave := leaveOf(request.Context())
	ctx := httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			connected.Store(true)
			arm(leave, got.Conn)
		},
	})
	response, err := client.Do(request.WithContext(ctx)) //nolint:gosec // the client's guard checks every address
	if refused := leave.said(); refused != nil && err != nil {
		return Reply{}, refused
	}
	if err != nil {
		return Reply{}, unreached(err, connected.Load())
	}
	buffer, _ := buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	_, readErr := buffer.ReadFrom(response.Body)
	closeErr := response.Body.Close()
	reply := Reply{Status: response.StatusCode, Header: response.Header, Body: buffer.Bytes(), buffer: buffer}
	captured(ctx, reply)
	if err := errors.Join(readErr, closeErr); err != nil {
		failed := unreached(err, true)
		failed.Status = reply.Status
		return reply, failed
	}
	return reply, nil
}

// unreached classifies a call that brought no answer.
func unreached(err error, sent bool) *Error {
	// What wraps the cause says only the URL, which is no one's business.
	if wrapper, ok := errors.AsType[*url.Error](err); ok {
		err = wrapper.Err
	}
	if unsent, ok := errors.AsType[*Error](err); ok {
		return unsent
	}
	failed := &Error{Class: order.ClassRetryable, Err: err}
	switch {
	case sent:
		failed.Class = order.ClassUnknown
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork):
		failed.Class = order.ClassNeedsAction
	}
	failed.Message = describe(err, sent)
	return failed
}

func describe(err error, sent bool) string {
	var timeout net.Error
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork):
		return "the provider's address is in a network that is not allowed"
	case errors.Is(err, context.Canceled):
		return "the call was given up"
	case errors.Is(err, ErrReplyTooLarge):
		return fmt.Sprintf("the reply is larger than %d bytes", MaxReply)
	case errors.As(err, &timeout) && timeout.Timeout():
		if sent {
			return "no complete answer in time"
		}
		return "could not connect in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer was complete"
	default:
		return RedactText(err.Error())
	}
}
