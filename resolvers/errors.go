package resolvers

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/graph/scalar"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/live"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// The codes of errors that are not about an input: extensions.code.
const (
	codeUnauthenticated  = "UNAUTHENTICATED"
	codeForbidden        = "FORBIDDEN"
	codeBadUserInput     = "BAD_USER_INPUT"
	codeValidationFailed = "GRAPHQL_VALIDATION_FAILED"
	codeLimitExceeded    = "LIMIT_EXCEEDED"
	codeTimeout          = "TIMEOUT"
	codeCursorInvalid    = "CURSOR_INVALID"
	codeCursorExpired    = "CURSOR_EXPIRED"
	codeInternal         = "INTERNAL"
)

const (
	extensionCode      = "code"
	extensionRequest   = "requestId"
	extensionRetryable = "retryable"
)

// Error is an error that a client may see as it is.
type Error struct {
	Code      string
	Message   string
	Retryable bool // the same request may succeed later
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func refuse(code, message string) error { return &Error{Code: code, Message: message} }

// refusal is refuse for what ends a request before it runs.
func refusal(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{extensionCode: code}}
}

// Present turns an error into what a client sees: known ones with their code, everything else as INTERNAL, which is
// logged here, once, under the request's id.
func (r *Root) Present(ctx context.Context, err error) *gqlerror.Error {
	var shown *gqlerror.Error
	if !errors.As(err, &shown) {
		shown = gqlerror.WrapPath(graphql.GetPath(ctx), err)
	}
	known := r.classify(ctx, shown)
	presented := &gqlerror.Error{
		Message: known.Message, Path: shown.Path, Locations: shown.Locations,
		Extensions: map[string]any{extensionCode: known.Code, extensionRetryable: known.Retryable},
	}
	if requestID := request.ID(ctx); requestID != "" {
		presented.Extensions[extensionRequest] = requestID
	}
	return presented
}

func (r *Root) classify(ctx context.Context, shown *gqlerror.Error) *Error {
	cause := shown.Unwrap()
	if code, ok := shown.Extensions[extensionCode].(string); ok {
		if code == codeValidationFailed && len(shown.Path) > 0 {
			code = codeBadUserInput // of a variable's value: a document has no path
		}
		retryable, _ := shown.Extensions[extensionRetryable].(bool)
		return &Error{Code: code, Message: shown.Message, Retryable: retryable}
	}
	if known := knownError(cause); known != nil {
		return known
	}
	if cause == nil {
		cause = shown
	}
	if _, panicked := errors.AsType[*panicError](cause); !panicked {
		r.options.Log.ErrorContext(ctx, "operation failed", slog.Any("error", cause),
			slog.String("path", shown.Path.String()), slog.String("request_id", request.ID(ctx)))
	}
	return &Error{Code: codeInternal, Message: "internal error", Retryable: store.Transient(cause)}
}

// knownError translates what the layers below fail with; nil: it is nothing that a client can do about.
func knownError(cause error) *Error {
	var known *Error
	switch {
	case cause == nil:
		return nil
	case errors.As(cause, &known):
		return known
	case errors.Is(cause, scalar.ErrScalar):
		return &Error{Code: codeBadUserInput, Message: cause.Error()}
	case errors.Is(cause, store.ErrKey):
		return &Error{Code: codeCursorInvalid, Message: badCursor().Error()}
	case errors.Is(cause, live.ErrCursorInvalid):
		return &Error{Code: codeCursorInvalid, Message: "the cursor is not one of this subscription: fetch again and go on from there"}
	case errors.Is(cause, live.ErrCursorExpired):
		return &Error{Code: codeCursorExpired, Message: "the cursor has expired: fetch again and go on from there"}
	case errors.Is(cause, live.ErrSlow):
		return &Error{Code: codeLimitExceeded, Message: "too slow: come back with the last cursor", Retryable: true}
	case errors.Is(cause, live.ErrClosed):
		return &Error{Code: codeInternal, Message: "the server is stopping: come back with the last cursor", Retryable: true}
	case errors.Is(cause, order.ErrNotFound):
		return &Error{Code: codeBadUserInput, Message: "there is no such thing"}
	case errors.Is(cause, access.ErrUnauthenticated):
		return &Error{Code: codeUnauthenticated, Message: "a credential is needed"}
	case errors.Is(cause, access.ErrForbidden):
		return &Error{Code: codeForbidden, Message: "the role may not do this"}
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, context.Canceled):
		return &Error{Code: codeTimeout, Message: "the operation took too long", Retryable: true}
	default:
		return nil
	}
}

// panicError stands for a panic that was logged where it happened.
type panicError struct{}

func (*panicError) Error() string { return "panic" }

// Recover logs a panic and returns the error that clients see for it.
func (r *Root) Recover(ctx context.Context, panicked any) error {
	r.options.Log.ErrorContext(ctx, "operation panicked", slog.Any("panic", panicked),
		slog.String("request_id", request.ID(ctx)), slog.String("stack", string(debug.Stack())))
	return &panicError{}
}

// userErrors turns faults of an input into what a payload lists. ok is false for every other error, which is the caller's
// to return. The list is never nil: the API has [] where nothing is wrong.
func userErrors(err error) (faults []*order.Fault, ok bool) { return userErrorsAt(err, "id") }

// userErrorsAt is userErrors for an input that names its target in another field than id.
func userErrorsAt(err error, target string) (faults []*order.Fault, ok bool) {
	list, known := order.FaultsOf(err, target)
	var throttled *access.ThrottledError
	switch {
	case known:
	case errors.Is(err, access.ErrInvalidCredentials):
		list = order.Faults{{Code: order.CodeInvalidCredentials, Message: "the username or the password is wrong"}}
	case errors.As(err, &throttled):
		list = order.Faults{{Code: order.CodeRateLimited, Message: throttled.Error()}}
	case errors.Is(err, access.ErrForbidden):
		list = order.Faults{{Code: order.CodeForbidden, Message: "the role may not do this"}}
	default:
		return nil, false
	}
	faults = make([]*order.Fault, len(list))
	for i := range list {
		faults[i] = &list[i]
	}
	return faults, true
}
