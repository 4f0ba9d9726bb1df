package routing

import (
	"cmp"
	"slices"
)

// span is the quantities from low to high.
type span struct{ low, high int }

// spans are quantities: apart from each other, and the lower ones first, once they are merged.
type spans []span

// mostSums bounds what is added up exactly. Beyond it more quantities are taken for possible than are.
const mostSums = 100_000

// everySize is up to how many sizes of a part are all tried.
const everySize = 24

// merged sorts the spans, joins those that touch, and leaves out what is above a limit.
func (s spans) merged(limit int) spans {
	sorted := slices.Clone(s)
	slices.SortFunc(sorted, func(a, b span) int { return cmp.Compare(a.low, b.low) })
	joined := sorted[:0]
	for _, next := range sorted {
		next.high = min(next.high, limit)
		switch last := len(joined) - 1; {
		case next.low > next.high:
		case last >= 0 && next.low <= joined[last].high+1:
			joined[last].high = max(joined[last].high, next.high)
		default:
			joined = append(joined, next)
		}
	}
	return joined
}

// plus returns the quantities of s, and the sums of one of them and one of others.
func (s spans) plus(others spans, limit int) spans {
	if len(s)*len(others) > mostSums {
		return spans{{0, limit}}
	}
	sums := slices.Clone(s)
	for _, one := range s {
		for _, other := range others {
			sums = append(sums, span{one.low + other.low, one.high + other.high})
		}
	}
	return sums.merged(limit)
}

// holds reports whether a quantity is among the spans.
func (s spans) holds(quantity int) bool {
	return slices.ContainsFunc(s, func(one span) bool { return one.low <= quantity && quantity <= one.high })
}

// sizes lists sizes of a part, from least to most, that leave a quantity of the spans over, the largest first: all of
// them where they are few, else the ends and the middle of each run of them.
func (s spans) sizes(rest, least, most int) []int {
	var sizes []int
	for _, one := range s { // the less is left over, the larger the part
		low, high := max(least, rest-one.high), min(most, rest-one.low)
		switch {
		case low > high:
		case high-low < everySize:
			for size := high; size >= low; size-- {
				sizes = append(sizes, size)
			}
		default:
			sizes = append(sizes, high, low+(high-low)/2, low)
		}
	}
	return sizes
}
