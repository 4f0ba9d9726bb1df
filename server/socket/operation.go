package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/boostress/boostress/live"
)

// operation is a query, a mutation or a subscription that runs on a socket.
type operation struct {
	conn   *conn
	id     string
	cancel context.CancelFunc
	listed bool // it is one of the socket's operations
	stream bool // a subscription, which need not come to its end; the socket's mutex guards it
}

// subscribe starts an operation.
func (c *conn) subscribe(ctx context.Context, m message) {
	start := graphql.Now()
	var params graphql.RawParams
	if err := decode(m.Payload, &params); err != nil || m.ID == "" || len(m.ID) > maxID {
		c.close(closeBadMessage, "bad subscribe message")
		return
	}
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	params.Headers = c.request.Header

	op := &operation{conn: c, id: m.ID}
	ctx, op.cancel = context.WithCancel(ctx)
	switch c.admit(op) {
	case admitted:
		c.options.Metrics.operations.Inc()
		c.running.Go(func() { op.run(ctx, &params) })
		return
	case tooEarly:
		c.close(closeEarly, "unauthorized")
	case taken:
		c.close(closeDuplicate, "subscriber for "+shorten(m.ID)+" already exists")
	case tooMany:
		op.refuse(ctx)
	case ending: // the client is told to come back
	}
	op.cancel()
}

// admission says what becomes of a new operation.
type admission int

const (
	admitted admission = iota
	tooEarly
	taken
	tooMany
	ending
)

func (c *conn) admit(op *operation) admission {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.code != 0 || c.draining:
		return ending
	case !c.acked:
		return tooEarly
	case c.operations[op.id] != nil:
		return taken
	case len(c.operations) >= c.options.MaxSubscriptions:
		return tooMany
	}
	c.operations[op.id], op.listed = op, true
	return admitted
}

// shorten keeps a reason within the 123 bytes that a close may have.
func shorten(id string) string {
	const most = 64
	if len(id) > most {
		return "an id"
	}
	return id
}

// complete ends an operation because its client no longer wants it.
func (c *conn) complete(id string) {
	c.mu.Lock()
	op := c.operations[id]
	c.mu.Unlock()
	if op != nil {
		op.end()
	}
}

// drain closes the socket once no query and no mutation runs.
func (c *conn) drain() {
	c.mu.Lock()
	c.draining = true
	c.mu.Unlock()
	c.rest()
}

// rest closes a draining socket when nothing keeps it.
func (c *conn) rest() {
	c.mu.Lock()
	idle := c.draining
	for _, op := range c.operations {
		idle = idle && op.stream
	}
	c.mu.Unlock()
	if idle {
		c.close(closeDraining, "draining")
	}
}

// end frees the operation's id and ends its context. It reports false where that was done before.
func (op *operation) end() bool {
	c := op.conn
	c.mu.Lock()
	mine := c.operations[op.id] == op
	if mine {
		delete(c.operations, op.id)
		c.options.Metrics.operations.Dec()
	}
	c.mu.Unlock()
	op.cancel()
	return mine
}

// run executes the operation and sends what it brings.
func (op *operation) run(ctx context.Context, params *graphql.RawParams) {
	defer op.conn.rest()
	defer op.end()
	ctx, ended := live.WithEnding(graphql.StartOperationTrace(ctx))
	rc := op.bare()
	defer func() {
		if panicked := recover(); panicked != nil {
			op.fail(graphql.WithOperationContext(ctx, rc), gqlerror.List{wrap(rc.Recover(ctx, panicked))})
		}
	}()
	made, list := op.conn.exec.CreateOperationContext(ctx, params)
	if made != nil {
		rc = made
	}
	ctx = graphql.WithOperationContext(ctx, rc)
	if len(list) > 0 {
		op.fail(ctx, list)
		return
	}
	op.classify(rc)
	if op.respond(ctx, rc) && ctx.Err() == nil {
		op.finish(ctx, ended())
	}
}

// bare is the context of an operation that nothing is known of.
func (op *operation) bare() *graphql.OperationContext {
	return &graphql.OperationContext{
		Headers: op.conn.request.Header, DisableIntrospection: true, RecoverFunc: graphql.DefaultRecover,
	}
}

// finish ends an operation that brings nothing more, for a reason or for none.
func (op *operation) finish(ctx context.Context, reason error) {
	switch {
	case errors.Is(reason, live.ErrSlow):
		op.conn.close(closeSlow, "too slow")
	case errors.Is(reason, live.ErrClosed):
		op.conn.close(closeDraining, "draining")
	case reason != nil:
		op.fail(ctx, gqlerror.List{gqlerror.Wrap(reason)})
	case op.end():
		op.put(context.WithoutCancel(ctx), frame(typeComplete, op.id, nil))
	}
}

// classify notes whether the operation may be cut short when the socket drains.
func (op *operation) classify(rc *graphql.OperationContext) {
	if rc.Operation == nil || rc.Operation.Operation != ast.Subscription {
		return
	}
	op.conn.mu.Lock()
	op.stream = true
	op.conn.mu.Unlock()
	op.conn.rest()
}

// respond sends responses until there are no more, and reports false where one of them was the end.
func (op *operation) respond(ctx context.Context, rc *graphql.OperationContext) bool {
	responses, ctx := op.conn.exec.DispatchOperation(ctx, rc)
	for {
		response := responses(ctx)
		switch {
		case response == nil:
			return true
		case len(response.Data) == 0 && len(response.Errors) > 0: // it was refused, rather than executed
			op.sendErrors(ctx, response.Errors)
			return false
		}
		payload, err := json.Marshal(response)
		if err != nil {
			op.fail(ctx, gqlerror.List{gqlerror.Wrap(fmt.Errorf("write response: %w", err))})
			return false
		}
		if !op.put(ctx, frame(typeNext, op.id, payload)) {
			return false
		}
	}
}

func wrap(err error) *gqlerror.Error {
	if known, ok := errors.AsType[*gqlerror.Error](err); ok {
		return known
	}
	return gqlerror.Wrap(err)
}

// refuse answers an operation that is one too many.
func (op *operation) refuse(ctx context.Context) {
	op.fail(graphql.WithOperationContext(ctx, op.bare()), gqlerror.List{{
		Message:    fmt.Sprintf("at most %d operations run on one socket", op.conn.options.MaxSubscriptions),
		Extensions: map[string]any{"code": "LIMIT_EXCEEDED"},
	}})
}

// fail presents errors and ends the operation with them.
func (op *operation) fail(ctx context.Context, list gqlerror.List) {
	op.sendErrors(ctx, op.conn.exec.DispatchError(ctx, list).Errors)
}

// sendErrors ends the operation with errors, unless its client has ended it.
func (op *operation) sendErrors(ctx context.Context, list gqlerror.List) {
	payload, err := json.Marshal(list)
	if err != nil {
		op.conn.options.Log.ErrorContext(ctx, "errors can't be written", "error", err)
		payload = []byte(`[{"message":"internal error","extensions":{"code":"INTERNAL"}}]`)
	}
	if op.end() || !op.listed {
		op.put(context.WithoutCancel(ctx), frame(typeError, op.id, payload))
	}
}

// put queues a message, unless ctx has ended, and reports whether it did.
func (op *operation) put(ctx context.Context, item []byte) bool {
	err := op.conn.out.put(ctx, item)
	if errors.Is(err, errSlow) {
		op.conn.close(closeSlow, "too slow")
	}
	return err == nil
}
