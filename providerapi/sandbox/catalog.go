package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/boostress/boostress/providerapi/protocol"
)

const (
	day        = 24 * time.Hour
	euro       = "EUR"
	mostUnits  = 500
	mostPacks  = 50
	keyPrefix  = "sbx_"
	keyPurpose = "api-key"
	hookSecret = "webhook-secret"
)

// DefaultBehavior is that of a provider without faults who takes a few seconds for an order.
func DefaultBehavior() Behavior {
	return Behavior{
		LatencyMS: Span{Min: 40, Max: 160}, AcceptMS: Span{Min: 500, Max: 1500}, ProgressMS: Span{Min: 1500, Max: 3500},
		FulfillMS: Span{Min: 500, Max: 1000}, CancelMS: Span{Min: 200, Max: 800}, Partial: 0.15,
		Balance: "1000.00",
	}
}

// DefaultProviders are seven made-up providers with their offers. Their API keys and webhook secrets follow from the
// secret, so that whoever knows it knows them too.
func DefaultProviders(secret []byte) []Provider {
	providers := []Provider{
		{Name: "Northwind Prints", Slug: "northwind-prints", Offers: offersOf(categoryPrints, 3*day,
			item{"poster-a4", "Poster A4", "2.90", mostUnits}, item{"poster-a3", "Poster A3", "4.90", mostUnits},
			item{"poster-a2", "Poster A2", "7.90", mostUnits}, item{"photo-book-a4", "Photo book A4", "18.50", mostUnits},
			item{"business-cards-100", "100 business cards", "9.90", mostPacks})},
		{Name: "Papercut Studio", Slug: "papercut-studio", Offers: offersOf(categoryPrints, 2*day,
			item{"poster-a3", "Poster A3", "5.40", mostUnits}, item{"poster-a2", "Poster A2", "7.50", mostUnits},
			item{"canvas-40x60", "Canvas 40 × 60 cm", "24.00", mostUnits},
			item{"photo-book-a4", "Photo book A4", "17.90", mostUnits})},
		{Name: "Parcelway", Slug: "parcelway", Offers: offersOf(categoryParcels, 4*time.Hour,
			item{"label-domestic", "Domestic label", "3.85", mostUnits}, item{"label-eu", "EU label", "9.20", mostUnits},
			item{"label-world", "World label", "17.40", mostUnits})},
		{Name: "Swiftcrate", Slug: "swiftcrate", Offers: offersOf(categoryParcels, 2*time.Hour,
			item{"label-domestic", "Domestic label", "4.10", mostUnits}, item{"label-eu", "EU label", "8.75", mostUnits})},
		{Name: "Clearlab", Slug: "clearlab", Offers: offersOf(categoryLabTests, 5*day,
			item{"blood-panel-basic", "Basic blood panel", "29.00", mostUnits}, item{"vitamin-d", "Vitamin D", "14.50", mostUnits},
			item{"allergy-screen", "Allergy screen", "49.00", mostUnits})},
		{Name: "Linguafolio", Slug: "linguafolio", Offers: offersOf(categoryTranslations, 2*day,
			item{"translation-page-en-de", "Page, English to German", "21.00", mostUnits},
			item{"translation-page-en-fr", "Page, English to French", "22.50", mostUnits},
			item{"proofreading-page", "Proofreading, page", "9.00", mostUnits})},
		{Name: "Giftwell", Slug: "giftwell", Offers: offersOf(categoryGiftCards, 10*time.Minute,
			item{"gift-card-10", "Gift card, 10 €", "10.00", mostUnits}, item{"gift-card-25", "Gift card, 25 €", "25.00", mostUnits},
			item{"gift-card-50", "Gift card, 50 €", "50.00", mostUnits})},
	}
	for i := range providers {
		p := &providers[i]
		p.Behavior = DefaultBehavior()
		p.APIKey = keyPrefix + hex.EncodeToString(derive(secret, keyPurpose, p.Slug)[:20])
		p.WebhookSecret = protocol.FormatSecret(derive(secret, hookSecret, p.Slug))
	}
	return providers
}

// item is an offer of a default provider; its id is its service type.
type item struct {
	id, name, price string
	most            int
}

func offersOf(category string, sla time.Duration, items ...item) []protocol.Offer {
	offers := make([]protocol.Offer, len(items))
	for i, one := range items {
		offers[i] = protocol.Offer{
			ID: one.id, Name: one.name, Category: category, ServiceType: one.id,
			UnitPrice:   protocol.Money{Amount: one.price, Currency: euro},
			MinQuantity: 1, MaxQuantity: one.most, SLA: sla,
		}
	}
	return offers
}

// derive makes a key for one purpose of one provider.
func derive(secret []byte, purpose, slug string) []byte {
	mac := hmac.New(sha256.New, secret)
	// Writing to a hash never fails. A slug holds no NUL, so that no two purposes meet.
	_, _ = mac.Write([]byte("boostress sandbox\x00" + purpose + "\x00" + slug))
	return mac.Sum(nil)
}
