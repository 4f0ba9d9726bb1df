package protocol

import (
	"time"

	"github.com/go-faster/jx"
)

// ParseOffers reads a page of at most 1,000 offers and the cursor of the next page, "" on the last. It fails like
// ParseOrder.
func ParseOffers(body []byte) (offers []Offer, next string, err error) {
	found := false
	err = message(body, MaxReply, func(d *jx.Decoder, name []byte) error {
		switch string(name) {
		case "offers":
			found = true
			return d.Arr(func(d *jx.Decoder) error {
				if len(offers) == MaxOffers {
					return errElements
				}
				offer, err := readOffer(d)
				if err != nil {
					return err
				}
				offers = append(offers, offer)
				return nil
			})
		case "nextCursor":
			return text(d, &next, MaxText)
		default:
			return d.Skip()
		}
	})
	switch {
	case err != nil:
		return nil, "", err
	case !found:
		return nil, "", malformed(errMissing)
	default:
		return offers, next, nil
	}
}

func readOffer(d *jx.Decoder) (Offer, error) {
	o := Offer{MinQuantity: 1}
	err := object(d, func(d *jx.Decoder, name []byte) error {
		switch string(name) {
		case "id":
			return word(d, &o.ID, MaxKey)
		case "name":
			return prose(d, &o.Name)
		case "category":
			return word(d, &o.Category, MaxKey)
		case "serviceType":
			return word(d, &o.ServiceType, MaxKey)
		case "unitPrice":
			price, err := money(d)
			if err == nil && price != nil {
				o.UnitPrice = *price
			}
			return err
		case "minQuantity":
			return number(d, &o.MinQuantity, 1, MaxQuantity)
		case "maxQuantity":
			return number(d, &o.MaxQuantity, 0, MaxQuantity)
		case "availableFrom":
			return moment(d, &o.AvailableFrom)
		case "availableUntil":
			return moment(d, &o.AvailableUntil)
		case "slaSeconds":
			seconds := 0
			err := number(d, &seconds, 0, int(maxSLA/time.Second))
			o.SLA = time.Duration(seconds) * time.Second
			return err
		default:
			return d.Skip()
		}
	})
	if err == nil && (o.ID == "" || o.Category == "" || o.ServiceType == "" || o.UnitPrice.Amount == "") {
		err = errMissing
	}
	return o, err
}
