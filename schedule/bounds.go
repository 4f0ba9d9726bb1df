package schedule

import (
	"cmp"
	"slices"
)

// Bounds are the fewest and the most units of a slice.
type Bounds struct {
	Least int
	Most  int // 0: unlimited
}

// split shares a quantity out by weights. The least is kept wherever the quantity allows it: a share that would fall
// below is left out (0), the smallest first, and among equals the last; but not where the others would then exceed the
// most. What can't be shared out within the most exceeds it evenly.
func (b Bounds) split(quantity int, weights []int) []int {
	var kept []int
	for i, weight := range weights {
		if weight > 0 {
			kept = append(kept, i)
		}
	}
	for len(kept) > 1 {
		ideal := apportion(quantity, picked(weights, kept))
		smallest := 0
		for i, share := range ideal {
			if share <= ideal[smallest] {
				smallest = i
			}
		}
		tooMany := len(kept)*b.Least > quantity
		room := b.Most == 0 || quantity <= (len(kept)-1)*b.Most
		if ideal[smallest] >= b.Least || !tooMany && !room {
			break
		}
		kept = slices.Delete(kept, smallest, smallest+1)
	}
	shares := make([]int, len(weights))
	for i, share := range b.clamp(quantity, picked(weights, kept)) {
		shares[kept[i]] = share
	}
	return shares
}

// clamp shares a quantity out by positive weights, each share within the bounds as far as their number allows it.
func (b Bounds) clamp(quantity int, weights []int) []int {
	least := min(b.Least, quantity/len(weights))
	most := quantity
	if b.Most > 0 {
		most = max(b.Most, (quantity+len(weights)-1)/len(weights))
	}
	shares, free := make([]int, len(weights)), make([]int, len(weights))
	for i := range free {
		free[i] = i
	}
	for len(free) > 0 {
		ideal := apportion(quantity, picked(weights, free))
		lack, excess := 0, 0
		for _, share := range ideal {
			lack += max(least-share, 0)
			excess += max(share-most, 0)
		}
		// Those that leave the bounds on the side where more is missing stay at their bound; the others share the rest anew.
		var rest []int
		for i, share := range ideal {
			if lack > excess && share >= least || lack < excess && share <= most {
				rest = append(rest, free[i])
				continue
			}
			shares[free[i]] = min(max(share, least), most)
			quantity -= shares[free[i]]
		}
		free = rest
	}
	return shares
}

// apportion shares a quantity out by the largest remainders, among equal ones to the earlier.
func apportion(quantity int, weights []int) []int {
	total := 0
	for _, weight := range weights {
		total += weight
	}
	shares, order := make([]int, len(weights)), make([]int, len(weights))
	left := quantity
	for i, weight := range weights {
		shares[i], order[i] = quantity*weight/total, i
		left -= shares[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(quantity*weights[b]%total, quantity*weights[a]%total)
	})
	for _, i := range order[:left] {
		shares[i]++
	}
	return shares
}

func picked(values, places []int) []int {
	list := make([]int, len(places))
	for i, place := range places {
		list[i] = values[place]
	}
	return list
}
