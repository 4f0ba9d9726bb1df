package request

import (
	"context"
	"log/slog"
)

// What names the request, and the trace, in the log.
const (
	attrRequestID = "request_id"
	attrTraceID   = "trace_id"
)

// Log returns a handler that adds request_id to every record that is logged within a request and does not have it, and
// trace_id to every one that belongs to a trace.
func Log(next slog.Handler) slog.Handler { return logHandler{next} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, record slog.Record) error {
	if id := ID(ctx); id != "" && !hasRequestID(record) {
		record = record.Clone()
		record.AddAttrs(slog.String(attrRequestID, id))
	}
	if id := TraceID(ctx); id != "" {
		record = record.Clone()
		record.AddAttrs(slog.String(attrTraceID, id))
	}
	return h.Handler.Handle(ctx, record) //nolint:wrapcheck // it adds nothing to say
}

func hasRequestID(record slog.Record) (found bool) {
	record.Attrs(func(attr slog.Attr) bool {
		found = attr.Key == attrRequestID
		return !found
	})
	return found
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
