package group_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/boostress/boostress/internal/group"
)

var errPoison = errors.New("poison")

func TestDoGathersWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	var sizes []int
	g := group.New(100, 1, func(_ context.Context, members []int) ([]int, error) {
		sizes = append(sizes, len(members))
		if len(sizes) == 1 {
			close(entered)
			<-release
		}
		return members, nil
	})
	var calls sync.WaitGroup
	do := func(item int) {
		calls.Go(func() {
			if got, err := g.Do(t.Context(), item); err != nil || got != item {
				t.Errorf("Do(%d) = %d, %v", item, got, err)
			}
		})
	}
	do(0)
	<-entered
	for i := 1; i <= 50; i++ {
		do(i)
	}
	for g.Waiting() < 50 {
		runtime.Gosched()
	}
	close(release)
	calls.Wait()
	if diff := cmp.Diff([]int{1, 50}, sizes); diff != "" {
		t.Errorf("sizes of the commits (-want +got):\n%s", diff)
	}
}

func TestOneBadMemberSinksNoNeighbor(t *testing.T) {
	t.Parallel()
	g := group.New(100, 2, func(_ context.Context, members []int) ([]int, error) {
		if slices.Contains(members, 13) {
			return nil, errPoison
		}
		return members, nil
	})
	var calls sync.WaitGroup
	for i := range 200 {
		calls.Go(func() {
			got, err := g.Do(t.Context(), i)
			if i == 13 {
				if !errors.Is(err, errPoison) {
					t.Errorf("the bad member's error = %v", err)
				}
			} else if err != nil || got != i {
				t.Errorf("Do(%d) = %d, %v", i, got, err)
			}
		})
	}
	calls.Wait()
}

func TestDoReturnsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := group.New(1, 1, func(_ context.Context, members []int) ([]int, error) {
		<-release
		return members, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Do(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want canceled", err)
	}
	close(release)
	if _, err := g.Do(t.Context(), 2); err != nil {
		t.Errorf("a later call: %v", err)
	}
}

func TestWrongNumberOfResults(t *testing.T) {
	t.Parallel()
	g := group.New(1, 1, func(context.Context, []int) ([]int, error) { return nil, nil })
	if _, err := g.Do(t.Context(), 1); !errors.Is(err, group.ErrResults) {
		t.Errorf("err = %v, want ErrResults", err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
