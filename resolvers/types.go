package resolvers

import "github.com/boostress/boostress/graph"

// What answers the fields of each type that read or change something, as gqlgen asks for it.
type (
	query             struct{ *Root }
	mutation          struct{ *Root }
	subscription      struct{ *Root }
	orderFields       struct{ *Root }
	eventFields       struct{ *Root }
	fulfillmentFields struct{ *Root }
	attemptFields     struct{ *Root }
	decisionFields    struct{ *Root }
	candidateFields   struct{ *Root }
	passFields        struct{ *Root }
	policyFields      struct{ *Root }
	partFields        struct{ *Root }
	outcomeFields     struct{ *Root }
	entryFields       struct{ *Root }
	providerFields    struct{ *Root }
	healthFields      struct{ *Root }
	syncFields        struct{ *Root }
	changeFields      struct{ *Root }
	offerFields       struct{ *Root }
	bulkFields        struct{ *Root }
	bulkRowFields     struct{ *Root }
	taskFields        struct{ *Root }
	scheduleFields    struct{ *Root }
	runFields         struct{ *Root }
	statisticsFields  struct{ *Root }
	figuresFields     struct{ *Root }
	sessionFields     struct{ *Root }
	viewerFields      struct{ *Root }
)

// Query answers the fields of Query.
func (r *Root) Query() graph.QueryResolver { return query{r} }

// Mutation answers the fields of Mutation.
func (r *Root) Mutation() graph.MutationResolver { return mutation{r} }

// Subscription answers the fields of Subscription.
func (r *Root) Subscription() graph.SubscriptionResolver { return subscription{r} }

// Order answers the fields of Order.
func (r *Root) Order() graph.OrderResolver { return orderFields{r} }

// OrderEvent answers the fields of OrderEvent.
func (r *Root) OrderEvent() graph.OrderEventResolver { return eventFields{r} }

// Fulfillment answers the fields of Fulfillment.
func (r *Root) Fulfillment() graph.FulfillmentResolver { return fulfillmentFields{r} }

// Attempt answers the fields of Attempt.
func (r *Root) Attempt() graph.AttemptResolver { return attemptFields{r} }

// RoutingDecision answers the fields of RoutingDecision.
func (r *Root) RoutingDecision() graph.RoutingDecisionResolver { return decisionFields{r} }

// RoutingCandidate answers the fields of RoutingCandidate.
func (r *Root) RoutingCandidate() graph.RoutingCandidateResolver { return candidateFields{r} }

// RoutingPass answers the fields of RoutingPass.
func (r *Root) RoutingPass() graph.RoutingPassResolver { return passFields{r} }

// RoutingPolicy answers the fields of RoutingPolicy.
func (r *Root) RoutingPolicy() graph.RoutingPolicyResolver { return policyFields{r} }

// SimulatedPart answers the fields of SimulatedPart.
func (r *Root) SimulatedPart() graph.SimulatedPartResolver { return partFields{r} }

// SimulatedOutcome answers the fields of SimulatedOutcome.
func (r *Root) SimulatedOutcome() graph.SimulatedOutcomeResolver { return outcomeFields{r} }

// LedgerEntry answers the fields of LedgerEntry.
func (r *Root) LedgerEntry() graph.LedgerEntryResolver { return entryFields{r} }

// Provider answers the fields of Provider.
func (r *Root) Provider() graph.ProviderResolver { return providerFields{r} }

// ProviderHealth answers the fields of ProviderHealth.
func (r *Root) ProviderHealth() graph.ProviderHealthResolver { return healthFields{r} }

// OfferSync answers the fields of OfferSync.
func (r *Root) OfferSync() graph.OfferSyncResolver { return syncFields{r} }

// OfferChange answers the fields of OfferChange.
func (r *Root) OfferChange() graph.OfferChangeResolver { return changeFields{r} }

// Offer answers the fields of Offer.
func (r *Root) Offer() graph.OfferResolver { return offerFields{r} }

// BulkOperation answers the fields of BulkOperation.
func (r *Root) BulkOperation() graph.BulkOperationResolver { return bulkFields{r} }

// BulkRow answers the fields of BulkRow.
func (r *Root) BulkRow() graph.BulkRowResolver { return bulkRowFields{r} }

// TaskResult answers the fields of TaskResult.
func (r *Root) TaskResult() graph.TaskResultResolver { return taskFields{r} }

// Session answers the fields of Session.
func (r *Root) Session() graph.SessionResolver { return sessionFields{r} }

// Viewer answers the fields of Viewer.
func (r *Root) Viewer() graph.ViewerResolver { return viewerFields{r} }

// Schedule answers the fields of Schedule.
func (r *Root) Schedule() graph.ScheduleResolver { return scheduleFields{r} }

// ScheduleRun answers the fields of ScheduleRun.
func (r *Root) ScheduleRun() graph.ScheduleRunResolver { return runFields{r} }

// Statistics answers the fields of Statistics.
func (r *Root) Statistics() graph.StatisticsResolver { return statisticsFields{r} }

// ProviderFigures answers the fields of ProviderFigures.
func (r *Root) ProviderFigures() graph.ProviderFiguresResolver { return figuresFields{r} }
