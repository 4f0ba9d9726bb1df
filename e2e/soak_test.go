package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	warmUp   = 8 * time.Second  // of load before the first fault, and then the first measurement
	coolDown = 95 * time.Second // of rest before the last: idle connections to providers are kept for 90
	// soakSchedules fire once a second each, all along.
	soakSchedules = 5
	drained       = 8 * time.Minute // for everything to end once nothing fails any more: waits grow up to five
)

// soak is an installation that is made to fail at random for as long as told.
type soak struct {
	*cluster

	seed  uint64
	roles map[string]*process // by their names; those named "…-2" are never killed
	load  *load

	mu       sync.Mutex
	counts   map[string]int
	recovers []time.Duration // from the end of a fault to the end of an order placed then
	probes   sync.WaitGroup
}

// TestSoak is run by `make soak`.
func TestSoak(t *testing.T) { //nolint:paralleltest // it is alone
	text := os.Getenv("BOOSTRESS_SOAK_DURATION")
	if text == "" {
		t.Skip("only `make soak` runs it")
	}
	length, err := time.ParseDuration(text)
	must(t, err)
	seed := rand.Uint64()
	if text := os.Getenv("BOOSTRESS_SOAK_SEED"); text != "" {
		seed, err = strconv.ParseUint(text, 10, 64)
		must(t, err)
	}
	t.Logf("make soak DURATION=%s SEED=%d", length, seed)
	s := newSoak(t, seed)
	ctx, stop := context.WithCancel(t.Context())
	s.load = newLoad(s, seed)
	var loading sync.WaitGroup
	loading.Go(func() { s.load.run(ctx) })
	<-time.After(warmUp)
	before := s.figures()
	for _, fault := range plan(seed, length) {
		<-time.After(fault.after)
		s.inject(fault)
	}
	s.behave(gentle)
	stop()
	loading.Wait()
	s.drain()
	<-time.After(coolDown)
	s.report(before, s.figures())
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	c := newCluster(t)
	c.env = append(c.env, "BOOSTRESS_TERM=3s")
	s := &soak{cluster: c, seed: seed, roles: map[string]*process{}, counts: map[string]int{}}
	c.sandbox = freeAddress(t)
	s.roles["sandbox-1"] = c.startSandbox()
	s.behave(gentle)
	for _, role := range []string{"api", "scheduler", "worker"} {
		for _, name := range []string{role + "-1", role + "-2"} {
			if role == "api" {
				s.roles[name] = c.api()
			} else {
				s.roles[name] = c.role(role, nil)
			}
		}
	}
	c.addProvider("papercut-studio")
	c.manySchedules(soakSchedules)
	return s
}

// count adds to one of the figures that are printed in the end.
func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

// drain waits until every order has ended. What no provider takes any more is canceled.
func (s *soak) drain() {
	s.t.Helper()
	s.probes.Wait()
	begun := time.Now()
	for open := s.open(); open != 0; open = s.open() {
		took := time.Since(begun)
		if took > drained {
			s.explain()
			s.t.Fatalf("%d orders have not ended within %v", open, drained)
		}
		s.load.goOn(took > drained/2)
		<-time.After(500 * time.Millisecond)
	}
	s.t.Logf("everything ended %v after the last fault", time.Since(begun).Round(time.Millisecond))
}

// report prints what happened and fails where something is lost, doubled, leaked or broken.
func (s *soak) report(before, after map[string]figures) {
	s.t.Helper()
	var counted ledger
	s.get(s.t.Context(), "/_sandbox/stats", &counted)
	lost := s.lost()
	for _, one := range []struct{ what, says string }{
		{"kill", "kills and restarts"},
		{"freeze", "freezes"},
		{"flush", "flushes"},
		{"redis", "restarts of Redis"},
		{"postgres", "restarts of Postgres"},
		{"provider", "provider's moods"},
	} {
		s.t.Logf("%-22s %d", one.says, s.counts[one.what])
	}
	acknowledged, again := s.load.placed()
	s.t.Logf("%-22s %d acknowledged, %d requests sent again", "orders", acknowledged, again)
	s.t.Logf("%-22s %d holds, %d releases, %d updates, %d cancels", "people", s.counts["hold"], s.counts["release"],
		s.counts["update"], s.counts["cancel"])
	s.t.Logf("%-22s %v", "ended as", query[string](s.cluster, "SELECT status || ' ' || count(*) FROM orders GROUP BY status ORDER BY 1"))
	s.t.Logf("%-22s %d", "lost", lost)
	s.t.Logf("%-22s %d (of %d orders in the providers' ledger)", "doubled", counted.DuplicateKeys, counted.Orders)
	var sum, most time.Duration
	for _, took := range s.recovers {
		sum, most = sum+took, max(most, took)
	}
	if len(s.recovers) > 0 {
		s.t.Logf("%-22s %.1f on average, %.1f at most, of %d", "seconds to recover",
			(sum / time.Duration(len(s.recovers))).Seconds(), most.Seconds(), len(s.recovers))
	}
	if s.counts["unrecovered"] > 0 {
		s.t.Errorf("%d times nothing went on within %v after a fault", s.counts["unrecovered"], patience)
	}
	if lost > 0 || counted.DuplicateKeys > 0 {
		s.t.Errorf("%d orders are lost, %d doubled", lost, counted.DuplicateKeys)
	}
	s.eachSlotOnce()
	for name, first := range before {
		s.compare(name, first, after[name])
	}
	s.invariants()
}

// lost counts the orders that were acknowledged and are not there.
func (s *soak) lost() int {
	s.t.Helper()
	there := map[string]bool{}
	for _, reference := range query[string](s.cluster, "SELECT reference FROM orders") {
		there[reference] = true
	}
	lost := 0
	for _, reference := range s.load.references() {
		if !there[reference] {
			lost++
			s.t.Errorf("order %s was acknowledged and is gone", reference)
		}
	}
	return lost
}

// figures are what a process that lives for long must not have ever more of.
type figures struct{ goroutines, memory, descriptors float64 }

// figures measures the processes that are never killed.
func (s *soak) figures() map[string]figures {
	s.t.Helper()
	all := map[string]figures{}
	for _, name := range []string{"api-2", "worker-2", "scheduler-2"} {
		values := s.metrics(s.roles[name].addr)
		all[name] = figures{values["go_goroutines"], values["process_resident_memory_bytes"], values["process_open_fds"]}
	}
	return all
}

func (s *soak) metrics(addr string) map[string]float64 {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	must(s.t, err)
	response, err := http.DefaultClient.Do(request)
	must(s.t, err)
	defer func() { must(s.t, response.Body.Close()) }()
	values := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			values[name] = value
		}
	}
	return values
}

// compare fails on what grew beyond what a pool or a cache that has filled explains.
func (s *soak) compare(name string, before, after figures) {
	s.t.Helper()
	s.t.Logf("%-22s goroutines %.0f → %.0f, memory %.0f → %.0f MiB, descriptors %.0f → %.0f", name,
		before.goroutines, after.goroutines, before.memory/(1<<20), after.memory/(1<<20), before.descriptors, after.descriptors)
	const moreGoroutines, moreMemory, moreDescriptors = 60, 96 << 20, 40
	var leaks []string
	for what, grew := range map[string]bool{
		"goroutines": after.goroutines > before.goroutines+moreGoroutines, "memory": after.memory > before.memory+moreMemory,
		"descriptors": after.descriptors > before.descriptors+moreDescriptors,
	} {
		if grew {
			leaks = append(leaks, what)
		}
	}
	if len(leaks) > 0 {
		s.t.Error(fmt.Sprint(name, " leaks ", leaks))
	}
}
