package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"

	"github.com/boostress/boostress/fulfillment"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
)

// bulkInput is what a mass change's input names.
type bulkInput struct {
	filtered bool // a filter is given
	targets  store.BulkTargets
}

// startBulk begins the mass change that the mutation being answered asks for.
func (m mutation) startBulk(
	ctx context.Context, kind order.BulkKind, key *string, input bulkInput,
) (*order.BulkOperation, []*order.Fault, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, nil, err
	}
	if (input.targets.IDs != nil) == input.filtered {
		return nil, []*order.Fault{{Code: order.CodeInvalid, Message: "give ids or filter, one of them"}}, nil
	}
	arguments, err := inputGiven(ctx)
	if err != nil {
		return nil, nil, err
	}
	started, err := m.options.Fulfillment.StartBulk(ctx, principal, fulfillment.BulkInput{
		Kind: kind, Targets: input.targets, Arguments: arguments, IdempotencyKey: value(key),
	})
	faults, ok := userErrors(err)
	if !ok {
		return nil, nil, err
	}
	return started, faults, nil
}

// inputGiven returns the input of the mutation that is being answered as its client wrote it: without what is null, and
// without the idempotency key.
func inputGiven(ctx context.Context) (json.RawMessage, error) {
	field := graphql.GetFieldContext(ctx).Field
	given, _ := field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)["input"].(map[string]any)
	given = maps.Clone(given)
	maps.DeleteFunc(given, func(name string, value any) bool { return name == "idempotencyKey" || value == nil })
	text, err := json.Marshal(given)
	if err != nil {
		return nil, fmt.Errorf("write input: %w", err)
	}
	return text, nil
}

func bulkOrders(ids []uuid.UUID, filter *graph.OrderFilter) bulkInput {
	selected := orderFilter(filter)
	return bulkInput{filter != nil, store.BulkTargets{IDs: ids, Orders: &selected}}
}

// CancelOrders cancels many orders.
func (m mutation) CancelOrders(ctx context.Context, input graph.CancelOrdersInput) (*graph.CancelOrdersPayload, error) {
	b, faults, err := m.startBulk(ctx, order.BulkCancelOrders, input.IdempotencyKey, bulkOrders(input.Ids, input.Filter))
	if err != nil {
		return nil, err
	}
	return &graph.CancelOrdersPayload{BulkOperation: b, UserErrors: faults}, nil
}

// HoldOrders holds many orders.
func (m mutation) HoldOrders(ctx context.Context, input graph.HoldOrdersInput) (*graph.HoldOrdersPayload, error) {
	b, faults, err := m.startBulk(ctx, order.BulkHoldOrders, input.IdempotencyKey, bulkOrders(input.Ids, input.Filter))
	if err != nil {
		return nil, err
	}
	return &graph.HoldOrdersPayload{BulkOperation: b, UserErrors: faults}, nil
}

// ReleaseOrders ends holds of many orders.
func (m mutation) ReleaseOrders(ctx context.Context, input graph.ReleaseOrdersInput) (*graph.ReleaseOrdersPayload, error) {
	b, faults, err := m.startBulk(ctx, order.BulkReleaseOrders, input.IdempotencyKey, bulkOrders(input.Ids, input.Filter))
	if err != nil {
		return nil, err
	}
	return &graph.ReleaseOrdersPayload{BulkOperation: b, UserErrors: faults}, nil
}

// RetryFulfillments tries many fulfillments again.
func (m mutation) RetryFulfillments(
	ctx context.Context, input graph.RetryFulfillmentsInput,
) (*graph.RetryFulfillmentsPayload, error) {
	selected := fulfillmentFilter(input.Filter)
	b, faults, err := m.startBulk(ctx, order.BulkRetryFulfillments, input.IdempotencyKey,
		bulkInput{input.Filter != nil, store.BulkTargets{IDs: input.Ids, Fulfillments: &selected}})
	if err != nil {
		return nil, err
	}
	return &graph.RetryFulfillmentsPayload{BulkOperation: b, UserErrors: faults}, nil
}

// RetryTasks runs many tasks once more.
func (m mutation) RetryTasks(ctx context.Context, input graph.RetryTasksInput) (*graph.RetryTasksPayload, error) {
	selected, err := taskFilter(input.Filter)
	if err != nil {
		return nil, err
	}
	b, faults, err := m.startBulk(ctx, order.BulkRetryTasks, input.IdempotencyKey,
		bulkInput{input.Filter != nil, store.BulkTargets{IDs: input.Ids, Tasks: &selected}})
	if err != nil {
		return nil, err
	}
	return &graph.RetryTasksPayload{BulkOperation: b, UserErrors: faults}, nil
}

// CancelBulkOperation stops a bulk operation.
func (m mutation) CancelBulkOperation(
	ctx context.Context, input graph.CancelBulkOperationInput,
) (*graph.CancelBulkOperationPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	canceled, err := m.options.Fulfillment.CancelBulkOperation(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	return &graph.CancelBulkOperationPayload{BulkOperation: canceled, UserErrors: faults}, nil
}
