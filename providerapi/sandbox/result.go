package sandbox

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"

	"github.com/boostress/boostress/providerapi/protocol"
)

// The categories of which the buyer gets more than the goods.
const (
	categoryPrints       = "prints"
	categoryParcels      = "parcels"
	categoryLabTests     = "lab-tests"
	categoryTranslations = "translations"
	categoryGiftCards    = "gift-cards"
)

// handOver sets what the buyer gets for a fulfilled order. It follows from the order's id alone.
func (e *entry) handOver() {
	offer := e.provider.offers[e.offerID]
	if offer == nil {
		return
	}
	host := "https://" + e.provider.slug + ".example/"
	switch offer.Category {
	case categoryPrints:
		e.results = []protocol.Result{e.parcel(host, 1, 1)}
	case categoryParcels:
		count := min(e.quantity, protocol.MaxResults)
		for i := range count {
			e.results = append(e.results, e.parcel(host, i+1, count))
		}
	case categoryLabTests:
		e.results = []protocol.Result{{ID: "report", Kind: protocol.ResultText, Label: "Findings", Value: offer.Name + ": within the usual range"}}
	case categoryTranslations:
		name := "translation-" + e.token("file", 8) + ".pdf"
		e.results = []protocol.Result{{ID: "file", Kind: protocol.ResultFile, Label: "Translated pages", Value: name, URL: host + "files/" + name}}
	case categoryGiftCards:
		e.results = e.cards(host)
	}
}

func (e *entry) parcel(host string, number, of int) protocol.Result {
	id := "parcel-" + strconv.Itoa(number)
	tracking := "SX" + e.token(id, 12)
	return protocol.Result{
		ID: id, Kind: protocol.ResultTracking, Label: fmt.Sprintf("Parcel %d of %d", number, of), Value: tracking,
		URL: host + "track/" + tracking, Carrier: "Sandbox Express",
	}
}

// cards are the codes of gift cards or, of many, one file that has them.
func (e *entry) cards(host string) []protocol.Result {
	if e.quantity > protocol.MaxResults {
		name := "codes-" + e.token("codes", 16) + ".csv"
		return []protocol.Result{{
			ID: "codes", Kind: protocol.ResultFile, Label: strconv.Itoa(e.quantity) + " gift cards", Value: name, URL: host + "files/" + name,
			Secret: true,
		}}
	}
	cards := make([]protocol.Result, e.quantity)
	for i := range cards {
		id := "card-" + strconv.Itoa(i+1)
		code := e.token(id, 12)
		cards[i] = protocol.Result{
			ID: id, Kind: protocol.ResultCode, Label: fmt.Sprintf("Gift card %d of %d", i+1, e.quantity),
			Value: code[:4] + "-" + code[4:8] + "-" + code[8:], Secret: true,
		}
	}
	return cards
}

// token is a made-up word of the order's own.
func (e *entry) token(of string, length int) string {
	sum := sha256.Sum256([]byte("boostress sandbox result\x00" + e.id + "\x00" + of))
	return base32.StdEncoding.EncodeToString(sum[:])[:length]
}
