package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

var (
	errTooLarge = errors.New("the body is too large")
	errSlowBody = errors.New("the body took too long")
)

// buffers are reused for bodies; what is read from one is copied before it goes back.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }} //nolint:gochecknoglobals // it holds no state

const mostKept = 64 << 10 // bytes of a buffer that is kept for later

func getBuffer() *bytes.Buffer {
	buffer, ok := buffers.Get().(*bytes.Buffer)
	if !ok {
		return new(bytes.Buffer)
	}
	buffer.Reset()
	return buffer
}

func putBuffer(buffer *bytes.Buffer) {
	if buffer.Cap() <= mostKept {
		buffers.Put(buffer)
	}
}

// readBody reads all of a request's body into buffer, or into a buffer of its own where that is nil. It fails with
// errTooLarge, with errSlowBody, and as the connection does.
func readBody(w http.ResponseWriter, r *http.Request, limits Limits, buffer *bytes.Buffer) ([]byte, error) {
	if r.ContentLength > limits.Body {
		w.Header().Set("Connection", "close") // we won't read it
		return nil, errTooLarge
	}
	if buffer == nil {
		buffer = new(bytes.Buffer)
	}
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	control := http.NewResponseController(w)
	// Answers that are only recorded, in tests, have no deadline; everything that comes over a network has.
	late := control.SetReadDeadline(time.Now().Add(limits.Read)) == nil
	_, err := buffer.ReadFrom(io.LimitReader(r.Body, limits.Body+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, errSlowBody
	case err != nil:
		return nil, fmt.Errorf("read body: %w", err)
	case int64(buffer.Len()) > limits.Body:
		w.Header().Set("Connection", "close")
		return nil, errTooLarge
	}
	if late {
		// From here on, what is read is only watched for the client's leaving.
		if err := control.SetReadDeadline(time.Time{}); err != nil {
			return nil, fmt.Errorf("lift deadline: %w", err)
		}
	}
	return buffer.Bytes(), nil
}

// bodyStatus returns the HTTP status for a body that couldn't be read.
func bodyStatus(err error) int {
	switch {
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errSlowBody):
		return http.StatusRequestTimeout
	default:
		return http.StatusBadRequest
	}
}
