package account

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Action names what an audit entry records: a noun and what was done to it.
type Action string

// The actions about access.
const (
	ActionAccountCreate Action = "account.create"
	ActionUserCreate    Action = "user.create"
	ActionSignIn        Action = "session.create"
	ActionSignInRefuse  Action = "session.refuse" // a bad try to sign in
	ActionSignOut       Action = "session.end"
	ActionAPIKeyCreate  Action = "apiKey.create"
	ActionAPIKeyRevoke  Action = "apiKey.revoke" //nolint:gosec // a verb, no credential
)

// The actions about the catalog.
const (
	ActionProviderCreate Action = "provider.create"
	ActionProviderUpdate Action = "provider.update" // settings, pauses and credentials
	ActionOfferCreate    Action = "offer.create"
	ActionOfferUpdate    Action = "offer.update" // also its being enabled or disabled
	ActionOfferSync      Action = "offer.sync"   // what a provider lists was taken over
	ActionProviderDelete Action = "provider.delete"
	ActionPolicyCreate   Action = "routingPolicy.create"
	ActionPolicyPublish  Action = "routingPolicy.publish"
	ActionBulkCancel     Action = "bulkOperation.cancel"
)

// The actions about schedules.
const (
	ActionScheduleCreate Action = "schedule.create"
	ActionScheduleUpdate Action = "schedule.update"
	ActionScheduleDelete Action = "schedule.delete"
	ActionSchedulePause  Action = "schedule.pause"
	ActionScheduleResume Action = "schedule.resume"
	ActionScheduleRun    Action = "schedule.run" // by hand
)

// The actions about what all accounts share.
const (
	ActionQueuePause  Action = "queue.pause"
	ActionQueueResume Action = "queue.resume"
	ActionWorkerDrain Action = "worker.drain"
)

// The actions about single fulfillments.
const (
	ActionFulfillmentResolve Action = "fulfillment.resolve"      // a person's word on an unknown outcome
	ActionResultReveal       Action = "fulfillmentResult.reveal" // what a provider handed over was read
)

// The actions about tasks.
const (
	ActionTaskRetry  Action = "task.retry"
	ActionTaskRevoke Action = "task.revoke" // it was ended, or its end was asked for
)

// The actors that are nobody in particular.
const (
	ActorSystem    = "system"    // this program at its start
	ActorAnonymous = "anonymous" // nobody proved who they are
)

// AuditEntry records a change that somebody made. It is written in the change's own transaction, and never changed.
type AuditEntry struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Actor     string
	Action    Action
	TargetID  *uuid.UUID
	Details   json.RawMessage // an object, or nil
	CreatedAt time.Time
}
