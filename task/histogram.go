package task

import (
	"math"
	"time"
)

// Histogram counts lengths of time, in buckets each of which reaches to 2^(n/8) microseconds: by a factor of 1.09 further
// than the one before.
type Histogram []int64

// bucketsOfOctave is how many buckets there are between a length and its double, as in the record's duration_bucket.
const bucketsOfOctave = 8

// mostBucket is that of the longest time.Duration.
const mostBucket = 53 * bucketsOfOctave

// Add counts more in a bucket; there are none below the first and above the last.
func (h *Histogram) Add(bucket int, count int64) {
	bucket = min(max(bucket, 0), mostBucket)
	if missing := bucket + 1 - len(*h); missing > 0 {
		*h = append(*h, make(Histogram, missing)...)
	}
	(*h)[bucket] += count
}

// AddPairs counts what Pairs returned.
func (h *Histogram) AddPairs(pairs []int32) {
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(int(pairs[i]), int64(pairs[i+1]))
	}
}

// Pairs returns the buckets that are not empty, each followed by how many are in it.
func (h *Histogram) Pairs() []int32 {
	pairs := []int32{}
	for bucket, count := range *h {
		if count > 0 {
			pairs = append(pairs, int32(bucket), int32(min(count, math.MaxInt32)))
		}
	}
	return pairs
}

// Percentile returns what a part of the lengths, above 0 and at most 1, does not exceed: at most a tenth too much. ok is
// false where nothing was counted.
func (h *Histogram) Percentile(part float64) (length time.Duration, ok bool) {
	var total int64
	for _, count := range *h {
		total += count
	}
	if total == 0 {
		return 0, false
	}
	rank, seen := int64(math.Ceil(part*float64(total))), int64(0)
	for bucket, count := range *h {
		if seen += count; seen >= rank {
			return bucketEnd(bucket), true
		}
	}
	return bucketEnd(len(*h) - 1), true
}

// bucketEnd is the longest length in a bucket.
func bucketEnd(bucket int) time.Duration {
	micros := math.Exp2(float64(bucket) / bucketsOfOctave)
	return time.Duration(micros * float64(time.Microsecond)).Round(time.Microsecond)
}
