package sandbox

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/boostress/boostress/providerapi/protocol"
)

// micros is an amount in millionths of its currency's unit; below zero it is not known.
type micros int64

const (
	unit      = 1_000_000
	cent      = unit / 100
	maxAmount = micros(1e18) - 1 // the most that the protocol can spell
	unknown   = micros(-1)
)

// ErrAmount is returned for an amount that the protocol can't spell.
var ErrAmount = errors.New("bad amount")

func parseMicros(amount string) (micros, error) {
	if !protocol.ValidAmount(amount) {
		return 0, fmt.Errorf("%w: %.40q", ErrAmount, amount)
	}
	whole, fraction, _ := strings.Cut(amount, ".")
	value, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", 6-len(fraction)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %.40q", ErrAmount, amount)
	}
	return micros(value), nil
}

// String spells the amount with two to six decimals.
func (m micros) String() string {
	fraction := strconv.FormatInt(int64(m%unit)+unit, 10)[1:]
	for len(fraction) > 2 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	return strconv.FormatInt(int64(m/unit), 10) + "." + fraction
}

// times multiplies; it reports false where the product is more than the protocol can spell.
func (m micros) times(count int) (micros, bool) {
	high, low := bits.Mul64(uint64(m), uint64(count)) //nolint:gosec // neither is ever negative here
	if high > 0 || low > uint64(maxAmount) {
		return 0, false
	}
	return micros(low), true
}

// drift multiplies by a factor and rounds to a cent; a factor of 0 or 1 changes nothing.
func (m micros) drift(factor float64) micros {
	if factor == 0 || factor == 1 {
		return m
	}
	drifted := math.Round(float64(m)*factor/cent) * cent
	return micros(min(drifted, float64(maxAmount-maxAmount%unit)))
}
