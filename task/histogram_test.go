package task_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/boostress/boostress/task"
)

// bucketOf is the record's duration_bucket, by counting.
func bucketOf(length time.Duration) int {
	for bucket := range 500 {
		var h task.Histogram
		h.Add(bucket, 1)
		if end, _ := h.Percentile(1); end >= length {
			return bucket
		}
	}
	return 500
}

// A percentile is what it says, or longer by a tenth at most.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			micros := rapid.Int64Range(1, 1<<rapid.IntRange(1, 40).Draw(t, "magnitude")).Draw(t, "micros")
			return time.Duration(micros) * time.Microsecond
		}), 1, 50).Draw(t, "lengths")
		part := rapid.SampledFrom([]float64{0.01, 0.5, 0.9, 0.99, 1}).Draw(t, "part")
		var h task.Histogram
		for _, length := range lengths {
			h.Add(bucketOf(length), 1)
		}
		got, ok := h.Percentile(part)
		slices.Sort(lengths)
		exact := lengths[max(0, ceil(part, len(lengths))-1)]
		if !ok || got < exact || float64(got) > 1.1*float64(exact)+float64(time.Microsecond) {
			t.Fatalf("%v of %v is %v, told as %v", part, lengths, exact, got)
		}
	})
}

// ceil rounds a part of a number up.
func ceil(part float64, of int) int {
	rank := int(part * float64(of))
	if float64(rank) < part*float64(of) {
		rank++
	}
	return rank
}

func TestEmptyHistogramHasNoPercentiles(t *testing.T) {
	t.Parallel()
	var none task.Histogram
	if length, ok := none.Percentile(0.5); ok {
		t.Errorf("half of nothing does not exceed %v", length)
	}
	if pairs := none.Pairs(); len(pairs) != 0 {
		t.Errorf("nothing is %v", pairs)
	}
}

// Histograms that are written down and added are what all of it would be.
func TestHistogramsAdd(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var whole, sum task.Histogram
	for range 20 {
		var part task.Histogram
		for range 30 {
			bucket := random.IntN(300)
			part.Add(bucket, 2)
			whole.Add(bucket, 2)
		}
		sum.AddPairs(part.Pairs())
	}
	if diff := cmp.Diff(whole, sum); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}
}

// What is out of bounds is counted at them.
func TestHistogramBounds(t *testing.T) {
	t.Parallel()
	var h task.Histogram
	h.Add(-3, 1)
	h.Add(1<<30, 1)
	if least, _ := h.Percentile(0.5); least != time.Microsecond {
		t.Errorf("the least is %v", least)
	}
	if most, _ := h.Percentile(1); most < 100*365*24*time.Hour {
		t.Errorf("the most is %v", most)
	}
}
