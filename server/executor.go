package server

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
	gqlgen "github.com/99designs/gqlgen/graphql/executor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/boostress/boostress/account"
)

// How operations end.
const (
	outcomeOK      = "ok"
	outcomeFailed  = "failed"  // with errors, whether or not with data
	outcomeTimeout = "timeout" // and nothing else
	outcomeRefused = "refused" // before anything ran
	outcomeStarted = "started" // of subscriptions
)

// executor prepares operations and has gqlgen run them. All transports share it, so that whatever comes by websocket is
// held to the same limits and rules. gqlgen's own preparation is not used: it would look at limits only after it has
// validated, and gives variables and limits the code of a validation.
type executor struct {
	inner      *gqlgen.Executor
	documents  *documents
	variables  *coercer
	parameters []graphql.OperationParameterMutator
	operations []graphql.OperationContextMutator
	show       graphql.ErrorPresenterFunc
	recover    graphql.RecoverFunc
	limit      time.Duration
	outcomes   *prometheus.CounterVec
	runtimes   *prometheus.HistogramVec
}

var _ graphql.GraphExecutor = (*executor)(nil)

func newExecutor(options Options, figures *metrics) (*executor, error) {
	documents, err := newDocuments(options.Schema.Schema(), options.Limits, figures.documents)
	if err != nil {
		return nil, err
	}
	e := &executor{
		inner: gqlgen.New(options.Schema), documents: documents, variables: newCoercer(options.Schema.Schema()),
		show: options.Present, recover: options.Recover, limit: options.Limits.Operation,
		outcomes: figures.operations, runtimes: figures.runtimes,
	}
	e.inner.SetErrorPresenter(options.Present)
	e.inner.SetRecoverFunc(options.Recover)
	for _, extension := range options.Extensions {
		e.inner.Use(extension)
		if mutator, ok := extension.(graphql.OperationParameterMutator); ok {
			e.parameters = append(e.parameters, mutator)
		}
		if mutator, ok := extension.(graphql.OperationContextMutator); ok {
			e.operations = append(e.operations, mutator)
		}
	}
	return e, nil
}

// CreateOperationContext reads, checks and admits an operation of any type. Its errors have codes.
func (e *executor) CreateOperationContext(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	return e.prepare(ctx, params, func(ast.Operation) error { return nil })
}

// prepare is CreateOperationContext for a transport that takes only some types of operations.
func (e *executor) prepare(
	ctx context.Context, params *graphql.RawParams, takes func(ast.Operation) error,
) (*graphql.OperationContext, gqlerror.List) {
	operation := &graphql.OperationContext{
		DisableIntrospection: true, RecoverFunc: e.recover,
		ResolverMiddleware:     func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) },
		RootResolverMiddleware: func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler { return next(ctx) },
	}
	list := e.fill(graphql.WithOperationContext(ctx, operation), operation, params, takes)
	if len(list) > 0 {
		kind := "none"
		if operation.Operation != nil {
			kind = string(operation.Operation.Operation)
		}
		e.outcomes.WithLabelValues(kind, outcomeRefused).Inc()
	}
	return operation, list
}

func (e *executor) fill(
	ctx context.Context, operation *graphql.OperationContext, params *graphql.RawParams, takes func(ast.Operation) error,
) gqlerror.List {
	for _, mutator := range e.parameters {
		if err := mutator.MutateOperationParameters(ctx, params); err != nil {
			return gqlerror.List{err}
		}
	}
	operation.RawQuery, operation.OperationName = params.Query, params.OperationName
	operation.Extensions, operation.Headers = params.Extensions, params.Headers

	document, list := e.documents.get(params.Query)
	if list != nil {
		return list
	}
	chosen, err := document.choose(params.OperationName)
	if err != nil {
		return gqlerror.List{err}
	}
	operation.Doc, operation.Operation = document.query, chosen.definition
	if err := takes(chosen.definition.Operation); err != nil {
		refusal := fault(codeBadUserInput, err.Error())
		refusal.Err = err
		return gqlerror.List{refusal}
	}
	if chosen.introspects {
		if _, known := account.FromContext(ctx); !known {
			return gqlerror.List{fault(codeUnauthenticated, "introspection needs a credential")}
		}
		operation.DisableIntrospection = false
	}
	if operation.Variables, err = e.variables.coerce(chosen.definition, params.Variables); err != nil {
		return gqlerror.List{err}
	}
	for _, mutator := range e.operations {
		if err := mutator.MutateOperationContext(ctx, operation); err != nil {
			return gqlerror.List{err}
		}
	}
	return nil
}

// DispatchOperation returns what runs an operation; it runs when that is called. A query or mutation that takes longer
// than it may has its context canceled, and its SQL with it.
func (e *executor) DispatchOperation(ctx context.Context, operation *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	responses, ctx := e.inner.DispatchOperation(ctx, operation)
	kind := string(operation.Operation.Operation)
	if operation.Operation.Operation == ast.Subscription {
		e.outcomes.WithLabelValues(kind, outcomeStarted).Inc()
		return responses, ctx
	}
	ran := false
	return func(ctx context.Context) *graphql.Response {
		if ran { // a transport that takes several responses asks until there is none
			return nil
		}
		ran = true
		began := time.Now()
		response := e.within(ctx, responses)
		e.runtimes.WithLabelValues(kind).Observe(time.Since(began).Seconds())
		e.outcomes.WithLabelValues(kind, outcomeOf(response)).Inc()
		return response
	}, ctx
}

// within runs an operation for as long as it may.
func (e *executor) within(ctx context.Context, responses graphql.ResponseHandler) *graphql.Response {
	ctx, cancel := context.WithTimeout(ctx, e.limit)
	defer cancel()
	response := responses(ctx)
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	if late && (response == nil || len(response.Errors) > 0) {
		// Whatever the resolvers made of being canceled, this is what happened.
		return &graphql.Response{Errors: gqlerror.List{refuse(ctx, codeTimeout, "the operation took too long")}}
	}
	return response
}

// DispatchError returns the response to an operation that CreateOperationContext refused.
func (e *executor) DispatchError(ctx context.Context, list gqlerror.List) *graphql.Response {
	return &graphql.Response{Errors: e.present(ctx, list)}
}

// present shows errors that ended an operation before it ran. Those without a code aren't ours.
func (e *executor) present(ctx context.Context, list gqlerror.List) gqlerror.List {
	shown := make(gqlerror.List, 0, len(list))
	for _, err := range list {
		if _, coded := err.Extensions[extensionCode].(string); coded {
			shown = append(shown, named(ctx, err))
		} else if presented := e.show(ctx, err); presented != nil {
			shown = append(shown, presented)
		}
	}
	return shown
}

func outcomeOf(response *graphql.Response) string {
	switch {
	case response == nil:
		return outcomeFailed
	case len(response.Errors) == 0:
		return outcomeOK
	case len(response.Errors) == 1 && response.Data == nil && response.Errors[0].Extensions[extensionCode] == codeTimeout:
		return outcomeTimeout
	default:
		return outcomeFailed
	}
}
