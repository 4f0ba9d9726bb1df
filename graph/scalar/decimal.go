package scalar

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/govalues/decimal"
)

const (
	shownScale = 2  // digits that are always shown: "12.50"
	mostScale  = 6  // fractional digits that an amount may have
	mostDigits = 15 // that a floating-point number holds exactly
)

// MarshalDecimal writes a number as a text with at least two fractional digits.
func MarshalDecimal(number decimal.Decimal) graphql.Marshaler {
	return raw(`"` + number.Trim(shownScale).Pad(shownScale).String() + `"`)
}

// UnmarshalDecimal reads a number from a text or a number literal, exactly: it fails with ErrScalar rather than round.
func UnmarshalDecimal(value any) (decimal.Decimal, error) {
	switch value := value.(type) {
	case string:
		return parseDecimal(value)
	case json.Number:
		return parseDecimal(value.String())
	case int64:
		return parseDecimal(strconv.FormatInt(value, 10))
	case float64:
		text := strconv.FormatFloat(value, 'f', -1, 64)
		if len(strings.Trim(strings.Replace(text, ".", "", 1), "-0")) > mostDigits {
			return decimal.Decimal{}, fmt.Errorf("%w: write a number of more than %d digits as a text", ErrScalar, mostDigits)
		}
		return parseDecimal(text)
	default:
		return decimal.Decimal{}, bad(`a decimal number such as "12.50"`, value)
	}
}

func parseDecimal(text string) (decimal.Decimal, error) {
	_, fraction, _ := strings.Cut(text, ".")
	if strings.ContainsAny(text, "eE_") {
		return decimal.Decimal{}, fmt.Errorf("%w: write a decimal number without an exponent", ErrScalar)
	}
	if len(strings.TrimRight(fraction, "0")) > mostScale {
		return decimal.Decimal{}, fmt.Errorf("%w: a decimal number has at most %d fractional digits", ErrScalar, mostScale)
	}
	number, err := decimal.ParseExact(text, min(len(fraction), mostScale))
	if err != nil {
		return decimal.Decimal{}, fmt.Errorf(`%w: expected a decimal number such as "12.50"`, ErrScalar)
	}
	return number, nil
}
