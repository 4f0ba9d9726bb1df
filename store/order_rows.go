package store

import (
	"encoding/json"
	"fmt"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store/internal/db"
)

func orderOf(row db.Order) (*order.Order, error) {
	o := &order.Order{
		ID: row.ID, AccountID: row.AccountID, Reference: row.Reference, Category: row.Category,
		Status: order.Status(row.Status), Currency: order.Currency(row.Currency), Budget: row.Budget,
		Reserved: row.Reserved, Spent: row.Spent, Overcharge: row.Overcharge,
		Quantity: int(row.Quantity), Delivered: int(row.Delivered), Deadline: utc(row.Deadline),
		Priority: int(row.Priority), Metadata: row.Metadata, Held: row.Held, Attention: row.Attention,
		CancelAsked: row.CancelAsked, Expired: row.Expired, TestMode: row.TestMode, Sequence: int(row.Sequence),
		CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt.UTC(), UpdatedAt: row.UpdatedAt.UTC(),
		FinishedAt: utc(row.FinishedAt), DeadlineAction: order.DeadlineAction(row.DeadlineAction),
		RoutingPolicyID: row.RoutingPolicyID, Pacing: row.Pacing,
	}
	if err := json.Unmarshal(row.Destination, &o.Destination); err != nil {
		return nil, fmt.Errorf("read destination of order %s: %w", o.ID, err)
	}
	return o, nil
}

func ordersOf(list []db.Order) ([]*order.Order, error) {
	orders := make([]*order.Order, len(list))
	for i, row := range list {
		o, err := orderOf(row)
		if err != nil {
			return nil, err
		}
		orders[i] = o
	}
	return orders, nil
}

func lineOf(row db.OrderLine) *order.Line {
	return &order.Line{
		ID: row.ID, AccountID: row.AccountID, OrderID: row.OrderID, Position: int(row.Position),
		ServiceType: row.ServiceType, Quantity: int(row.Quantity), Attributes: row.Attributes,
	}
}

func fulfillmentOf(row db.Fulfillment) *order.Fulfillment {
	return &order.Fulfillment{
		ID: row.ID, AccountID: row.AccountID, OrderID: row.OrderID, LineID: row.LineID,
		ProviderID: row.ProviderID, OfferID: row.OfferID, ReplacesID: row.ReplacesID, Excluded: row.Excluded,
		Quantity: int(row.Quantity), Delivered: int(row.Delivered), Status: order.FulfillmentStatus(row.Status),
		Generation: int(row.Generation), UnitPrice: row.UnitPrice, Currency: order.Currency(row.Currency),
		Reserved: row.Reserved, Charged: row.Charged, Overcharge: row.Overcharge,
		ExternalID: value(row.ExternalID), ExternalStatus: row.ExternalStatus, Failure: row.Failure,
		Attention: row.Attention, CancelAsked: row.CancelAsked, CreatedAt: row.CreatedAt.UTC(),
		UpdatedAt: row.UpdatedAt.UTC(), SubmittedAt: utc(row.SubmittedAt), ChangedAt: utc(row.ChangedAt),
		NextPollAt: utc(row.NextPollAt), FinishedAt: utc(row.FinishedAt), ScheduledAt: utc(row.ScheduledAt),
		SLA: milliseconds(row.SlaMs), SLAAt: utc(row.SlaAt), RerouteAsked: row.RerouteAsked, RerouteSame: row.RerouteSame,
		BudgetDay: row.BudgetDay,
	}
}

func attemptOf(row db.Attempt) *order.Attempt {
	return &order.Attempt{
		ID: row.ID, AccountID: row.AccountID, FulfillmentID: row.FulfillmentID, ProviderID: row.ProviderID,
		Operation: order.Operation(row.Operation), Key: row.Key, CallNumber: int(row.CallNumber),
		State: order.AttemptState(row.State), Class: order.Class(row.Class), Message: row.Message,
		Latency: microseconds(row.LatencyUs), Request: row.Request, Response: row.Response,
		StartedAt: row.StartedAt.UTC(), FinishedAt: utc(row.FinishedAt),
	}
}

func providerOf(row db.Provider) *order.Provider {
	return &order.Provider{
		ID: row.ID, AccountID: row.AccountID, Name: row.Name, Adapter: row.Adapter, BaseURL: row.BaseUrl,
		Enabled: row.Enabled, Simulated: row.Simulated, PausedReason: row.PausedReason, PausedAt: utc(row.PausedAt),
		Timeout: milliseconds(row.TimeoutMs), Concurrency: int(row.Concurrency), Budget: row.Budget,
		DayBudget: row.DayBudget, RateCalls: int(row.RateCalls), RatePer: milliseconds(row.RatePerMs),
		Priority: int(row.Priority), Weight: int(row.Weight),
		Currency: order.Currency(row.Currency), Reserved: row.Reserved, Spent: row.Spent, Overcharge: row.Overcharge,
		Attention: row.Attention, CreatedAt: row.CreatedAt.UTC(), UpdatedAt: row.UpdatedAt.UTC(), DeletedAt: utc(row.DeletedAt),
		Measured: order.Measured{Open: int(row.Open), LastChosenAt: utc(row.ChosenAt)},
	}
}

func offerOf(row db.Offer) *order.Offer {
	return &order.Offer{
		ID: row.ID, AccountID: row.AccountID, ProviderID: row.ProviderID, ExternalID: row.ExternalID, Name: row.Name,
		Category: row.Category, ServiceType: row.ServiceType, UnitPrice: row.UnitPrice,
		Currency: order.Currency(row.Currency), MinQuantity: int(row.MinQuantity), MaxQuantity: int(row.MaxQuantity),
		AvailableFrom: utc(row.AvailableFrom), AvailableUntil: utc(row.AvailableUntil), SLA: milliseconds(row.SlaMs),
		CoolDown: milliseconds(row.CoolDownMs), Regions: row.Regions, Priority: int(row.Priority),
		Weight: int(row.Weight), Enabled: row.Enabled, GivenAt: utc(row.GivenAt), Vanished: row.Vanished, CreatedAt: row.CreatedAt.UTC(),
		UpdatedAt: row.UpdatedAt.UTC(),
	}
}
