package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/internal/request"
)

// endpoint serves /graphql.
type endpoint struct {
	gate     gate
	executor *executor
	reader   reader
	socket   graphql.Transport // nil: none
	limits   Limits
	log      *slog.Logger
}

func newEndpoint(options Options, figures *metrics) (*endpoint, error) {
	executor, err := newExecutor(options, figures)
	if err != nil {
		return nil, err
	}
	return &endpoint{
		gate:     gate{authenticator: options.Authenticator, origins: request.NewOrigins(options.TrustedOrigins)},
		executor: executor, reader: newReader(options.Schema.Schema()), socket: options.Socket, limits: options.Limits, log: options.Log,
	}, nil
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case upgrades(r):
		e.upgrade(w, r)
	case r.Method == http.MethodPost:
		if !speaksJSON(r) {
			e.refuse(w, r, http.StatusUnsupportedMediaType, codeBadUserInput, "the content type must be application/json")
			return
		}
		e.admit(w, r, e.post)
	case r.Method == http.MethodGet:
		e.admit(w, r, e.get)
	default:
		w.Header().Set("Allow", "GET, POST")
		e.refuse(w, r, http.StatusMethodNotAllowed, codeBadUserInput, "send operations by POST, or queries by GET")
	}
}

// upgrade hands the connection to the websocket's transport, which sees to the rest by itself.
func (e *endpoint) upgrade(w http.ResponseWriter, r *http.Request) {
	switch {
	case e.socket == nil || !e.socket.Supports(r):
		e.refuse(w, r, http.StatusBadRequest, codeBadUserInput, "there are no websockets here")
	case request.SessionToken(r) != "" && !e.gate.origins.Trusts(r):
		e.refuse(w, r, http.StatusForbidden, codeForbidden, errOrigin.Error())
	default:
		e.socket.Do(w, r, e.executor)
	}
}

// admit lets a request in that brings a good credential or none.
func (e *endpoint) admit(w http.ResponseWriter, r *http.Request, next func(context.Context, http.ResponseWriter, *http.Request)) {
	ctx, err := e.gate.enter(r.Context(), r)
	switch {
	case err == nil:
		next(ctx, w, r)
	case errors.Is(err, errOrigin):
		e.refuse(w, r, http.StatusForbidden, codeForbidden, errOrigin.Error())
	case errors.Is(err, access.ErrUnauthenticated):
		w.Header().Set("WWW-Authenticate", "Bearer")
		if request.SessionToken(r) != "" {
			request.Cookies{}.ClearSession(ctx) // else the browser could never sign in again
		}
		e.refuse(w, r, http.StatusUnauthorized, codeUnauthenticated, access.ErrUnauthenticated.Error())
	case ctx.Err() != nil: // the client is gone
		e.refuse(w, r, http.StatusServiceUnavailable, codeInternal, messageInternal)
	default:
		e.log.ErrorContext(ctx, "credential not checked", "error", err, "request_id", request.ID(ctx))
		w.Header().Set("Retry-After", "1")
		e.refuse(w, r, http.StatusServiceUnavailable, codeInternal, messageInternal)
	}
}

// refuse answers a request that never became an operation.
func (e *endpoint) refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	err := refuse(r.Context(), code, message)
	if status == http.StatusServiceUnavailable {
		err.Extensions[extensionRetryable] = true
	}
	annotate(w, "", outcomeRefused)
	answerErrors(w, status, accepts(r), err)
}

func (e *endpoint) post(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	buffer := getBuffer()
	body, err := readBody(w, r, e.limits, buffer)
	if err != nil {
		putBuffer(buffer)
		e.refuseBody(w, r, err)
		return
	}
	params, err := e.reader.post(body)
	putBuffer(buffer)
	if err != nil {
		e.refuse(w, r, http.StatusBadRequest, codeBadUserInput, err.Error())
		return
	}
	e.run(ctx, w, r, params, false)
}

func (e *endpoint) refuseBody(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errTooLarge):
		e.refuse(w, r, bodyStatus(err), codeLimitExceeded, errTooLarge.Error())
	case errors.Is(err, errSlowBody):
		e.refuse(w, r, bodyStatus(err), codeTimeout, errSlowBody.Error())
	default:
		e.refuse(w, r, bodyStatus(err), codeBadUserInput, "the body can't be read")
	}
}

func (e *endpoint) get(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	params, err := e.reader.get(r.URL.RawQuery)
	if err != nil {
		e.refuse(w, r, http.StatusBadRequest, codeBadUserInput, err.Error())
		return
	}
	e.run(ctx, w, r, params, true)
}

// run runs an operation and answers with what it returned.
func (e *endpoint) run(ctx context.Context, w http.ResponseWriter, r *http.Request, params *graphql.RawParams, queriesOnly bool) {
	media := accepts(r)
	params.Headers = r.Header
	operation, list := e.executor.prepare(ctx, params, func(kind ast.Operation) error {
		switch {
		case queriesOnly && kind != ast.Query:
			return errGet
		case kind == ast.Subscription:
			return errNoSocket
		}
		return nil
	})
	if len(list) > 0 {
		status := statusOf(list, media)
		if errors.Is(list[0], errGet) {
			w.Header().Set("Allow", http.MethodPost)
			status = http.StatusMethodNotAllowed
		}
		annotate(w, describe(operation), outcomeRefused)
		answerErrors(w, status, media, e.executor.present(ctx, list)...)
		return
	}
	responses, ctx := e.executor.DispatchOperation(ctx, operation)
	response := responses(ctx)
	if response == nil { // the client is gone, or the server in a hurry
		e.refuse(w, r, http.StatusServiceUnavailable, codeInternal, messageInternal)
		return
	}
	annotate(w, describe(operation), outcomeOf(response))
	answerData(w, media, response)
}

// What an operation can't come by.
var (
	errGet      = errors.New("only queries may come by GET")
	errNoSocket = errors.New("subscriptions come by websocket, with the protocol graphql-transport-ws")
)

// annotate notes for the log what a request asked for.
func annotate(w http.ResponseWriter, operation, outcome string) {
	if e, ok := w.(*exchange); ok {
		e.operation, e.outcome = operation, outcome
	}
}

// describe names an operation for the log: its type and its name, which GraphQL bounds to letters, digits and _.
func describe(operation *graphql.OperationContext) string {
	if operation == nil || operation.Operation == nil {
		return ""
	}
	kind := string(operation.Operation.Operation)
	if operation.Operation.Name == "" {
		return kind
	}
	return kind + " " + shorten(operation.Operation.Name, mostRequestID)
}
