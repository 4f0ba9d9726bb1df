package request

import (
	"context"
	"strings"
)

type traceKey struct{}

// WithTrace returns a context whose work belongs to a trace; with "", to none.
func WithTrace(ctx context.Context, traceID string) context.Context {
	if traceID == TraceID(ctx) {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, traceID)
}

// TraceID returns the trace that work belongs to, or "" where it belongs to none.
func TraceID(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

// The parts of a traceparent header: version, trace id, parent id, flags. See https://www.w3.org/TR/trace-context/.
const (
	traceParts    = 4
	traceIDLength = 32 // hexadecimal digits
)

// ParseTraceparent returns the trace id of a traceparent header, or "" where it holds none.
func ParseTraceparent(header string) string {
	parts := strings.SplitN(header, "-", traceParts)
	if len(parts) != traceParts || len(parts[0]) != 2 || parts[0] == "ff" {
		return ""
	}
	id := parts[1]
	if len(id) != traceIDLength || strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}
