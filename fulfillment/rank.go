package fulfillment

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/boostress/boostress/order"
)

// mostWeight bounds the weights of providers and offers.
const mostWeight = 1000

// checkRank lists what is wrong with what a provider or an offer is ranked by.
func checkRank(priority, weight int) order.Faults {
	var faults order.Faults
	fault := func(field, message string) {
		faults = append(faults, order.Fault{Field: []string{field}, Code: order.CodeOutOfRange, Message: message})
	}
	if priority < 0 || priority > order.MaxPriority {
		fault("priority", fmt.Sprintf("must be 0 to %d", order.MaxPriority))
	}
	if weight < 1 || weight > mostWeight {
		fault("weight", fmt.Sprintf("must be 1 to %d", mostWeight))
	}
	return faults
}

// checkRegions lists which of an offer's regions are none, or are there twice.
func checkRegions(regions []string) order.Faults {
	var faults order.Faults
	for i, region := range regions {
		field := []string{"regions", strconv.Itoa(i)}
		switch {
		case !order.ValidCountry(region):
			faults = append(faults, order.Fault{Field: field, Code: order.CodeInvalid, Message: "must be an ISO 3166-1 alpha-2 code"})
		case slices.Contains(regions[:i], region):
			faults = append(faults, order.Fault{Field: field, Code: order.CodeConflict, Message: "is there already: name each country once"})
		}
	}
	return faults
}
