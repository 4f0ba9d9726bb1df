package resolvers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/internal/testkit"
)

const watchProvider = `subscription($id: ID!) { providerChanged(id: $id) { isPaused attention reserved { amount }
	today { reserved { amount } } health { calls checkError openFulfillments breakers { operation } } } }`

const pauseProvider = `mutation($id: ID!) { pauseProvider(input: {id: $id, reason: "r"}) { userErrors { code } } }`

// providerReads counts how often watched providers were read since it was last called.
func (s *stand) providerReads() (count int) {
	for _, statement := range s.counter.since() {
		if strings.Contains(statement, "name: ProviderWatch ") {
			count++
		}
	}
	return count
}

// TestProviderChanged: nothing comes while nothing changes, for it would come in the place of what changed then.
func TestProviderChanged(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 2}.fill(t, s.url)
	provider := map[string]any{"id": idOf(id.Provider, 1, 0)}
	w := s.watch(t, as(account.Viewer, 1), watchProvider, provider)
	first := at(w.event(), "providerChanged")
	if at(first, "isPaused") != false || at(first, "attention") != nil || at(first, "health", "openFulfillments") != 0.0 ||
		at(first, "reserved", "amount") != "5.00" || at(first, "health", "calls") != 8.0 {
		t.Errorf("as it is: %v", first)
	}
	s.providerReads()
	reads := 0
	testkit.Eventually(t, 15*time.Second, "it is read again, twice", func() bool {
		reads += s.providerReads()
		return reads >= 2
	})
	paused := s.must(as(account.Admin, 1), pauseProvider, provider)
	if second := at(w.event(), "providerChanged"); at(second, "isPaused") != true {
		t.Errorf("after %v: %v", paused, second)
	}
}

// TestWhatOfProvidersIsWatched: each of these alone is a change.
func TestWhatOfProvidersIsWatched(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	changes := []struct {
		sql  string // of provider %[1]s and account %[2]s
		path []any
		want string
	}{
		{"UPDATE providers SET attention = 'look' WHERE id = '%[1]s'", []any{"attention"}, "look"},
		{"UPDATE providers SET reserved = 6 WHERE id = '%[1]s'", []any{"reserved", "amount"}, "6.00"},
		{"UPDATE providers SET open = 3 WHERE id = '%[1]s'", []any{"health", "openFulfillments"}, "3"},
		{`INSERT INTO provider_days (provider_id, account_id, day, reserved)
			VALUES ('%[1]s', '%[2]s', (now() AT TIME ZONE 'UTC')::date, 2)`, []any{"today", "reserved", "amount"}, "2.00"},
		{"UPDATE provider_health SET measured_at = now(), calls = 9 WHERE provider_id = '%[1]s'", []any{"health", "calls"}, "9"},
		{
			"UPDATE provider_health SET checked_at = now(), check_error = 'gone' WHERE provider_id = '%[1]s'",
			[]any{"health", "checkError"},
			"gone",
		},
		{"UPDATE provider_breakers SET open_until = now() WHERE provider_id = '%[1]s'", []any{"health", "breakers"}, "[]"},
	}
	world{account: 1, providers: len(changes)}.fill(t, s.url)
	watches := make([]*watch, len(changes))
	for i := range changes {
		watches[i] = s.watch(t, as(account.Viewer, 1), watchProvider, map[string]any{"id": idOf(id.Provider, 1, i)})
		if first := at(watches[i].event(), "providerChanged"); fmt.Sprint(at(first, changes[i].path...)) == changes[i].want {
			t.Fatalf("it is so already: %v", first)
		}
	}
	for i := range changes {
		execute(t, s.url, fmt.Sprintf(changes[i].sql+"; SELECT '%[2]s'", idOf(id.Provider, 1, i), accountID(1)))
	}
	for i := range changes {
		if event := at(watches[i].event(), "providerChanged"); fmt.Sprint(at(event, changes[i].path...)) != changes[i].want {
			t.Errorf("%s: %v", changes[i].sql, event)
		}
	}
}

// TestProviderWatchersShareReads: however many watch a provider, it is read once for a moment; each sees the change.
func TestProviderWatchersShareReads(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)
	watches := make([]*watch, 0, 4)
	for range 4 {
		w := s.watch(t, as(account.Viewer, 1), `subscription($id: ID!) { providerChanged(id: $id) { isPaused } }`,
			map[string]any{"id": idOf(id.Provider, 1, 0)})
		if at(w.event(), "providerChanged", "isPaused") != false {
			t.Error("it begins paused")
		}
		watches = append(watches, w)
	}
	s.providerReads()
	began := time.Now()
	s.must(as(account.Admin, 1), pauseProvider,
		map[string]any{"id": idOf(id.Provider, 1, 0)})
	for _, w := range watches {
		if event := at(w.event(), "providerChanged"); at(event, "isPaused") != true {
			t.Errorf("it became %v", event)
		}
	}
	if reads, most := s.providerReads(), 1+int(time.Since(began)/(2*time.Second)); reads == 0 || reads > most {
		t.Errorf("%d reads for %d watchers, want at most %d", reads, len(watches), most)
	}
}

// TestProviderWatchEnds: it ends with its context, and what was shared is forgotten.
func TestProviderWatchEnds(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1}.fill(t, s.url)
	ctx, cancel := context.WithCancel(account.NewContext(t.Context(), as(account.Viewer, 1)))
	events, err := s.root.Subscription().ProviderChanged(ctx, idOf(id.Provider, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	<-events
	cancel()
	for range events {
		t.Error("an event comes after the end")
	}
	if n := s.root.Watched(); n != 0 {
		t.Errorf("%d providers are still watched", n)
	}
}
