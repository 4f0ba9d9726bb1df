package providertest

import (
	"errors"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

func lookups() []scenario {
	return []scenario{
		{name: "late lookups", needs: FaultLateLookup, run: lateLookup},
		{name: "find by key", run: findByKey},
		{name: "bulk status with unknown ids", run: bulkStatus},
		{name: "unknown status words", needs: FaultUnknownStatus, run: unknownStatus},
		{name: "get what never was", run: unknownOrder},
	}
}

// lateLookup: an order that is accepted and can't be seen yet is absent, and then is there.
func lateLookup(s *stage) {
	s.needsLookup()
	if s.can.LookupWindow <= 0 {
		s.t.Error("lookups can be late: the capabilities must declare a LookupWindow")
	}
	s.inject(FaultLateLookup)
	key, made := s.placed()
	if _, err := s.find(key); !errors.Is(err, providerapi.ErrAbsent) {
		s.t.Errorf("find: got %v, want ErrAbsent", err)
	}
	if _, err := s.get(made.ExternalID); err == nil {
		s.t.Error("get: found what can't be seen")
	}
	s.live(key, 1)
	hidden := key
	s.calm()
	// What is hidden stays so; the next order is seen at once.
	key, made = s.placed()
	if found, err := s.find(key); err != nil || found.ExternalID != made.ExternalID {
		s.t.Errorf("find: got %+v, %v", found, err)
	}
	s.live(hidden, 1)
}

func findByKey(s *stage) {
	s.needsLookup()
	key, made := s.placed()
	if found, err := s.find(key); err != nil || found.ExternalID != made.ExternalID {
		s.t.Errorf("got %+v, %v, want order %q", found, err, made.ExternalID)
	}
	if _, err := s.find(s.key()); !errors.Is(err, providerapi.ErrAbsent) {
		s.t.Errorf("a key that was never used: got %v, want ErrAbsent", err)
	}
}

func bulkStatus(s *stage) {
	bulk, ok := s.provider.(providerapi.BulkStatuser)
	if !ok {
		s.t.Skip("the adapter is no BulkStatuser")
	}
	_, first := s.placed()
	_, second := s.placed()
	got, err := bulk.GetMany(s.t.Context(), []string{first.ExternalID, "unknown-1", second.ExternalID})
	if err != nil {
		s.t.Fatalf("an unknown id sinks its neighbors: %v", err)
	}
	found := map[string]bool{}
	for _, one := range got {
		found[one.ExternalID] = true
	}
	if len(got) != 2 || !found[first.ExternalID] || !found[second.ExternalID] {
		s.t.Errorf("got %+v, want the two that there are", got)
	}
	if none, err := bulk.GetMany(s.t.Context(), []string{"unknown-1"}); err != nil || len(none) > 0 {
		s.t.Errorf("only unknown ones: got %+v, %v", none, err)
	}
}

// unknownStatus: providers add words; they are kept as they are and are never an error.
func unknownStatus(s *stage) {
	s.inject(FaultUnknownStatus)
	key, made := s.placed()
	seen := map[string]order.ExternalOrder{"create": made}
	var err error
	if seen["get"], err = s.get(made.ExternalID); err != nil {
		s.t.Errorf("get: %v", err)
	}
	if s.can.Lookup {
		if seen["find"], err = s.find(key); err != nil {
			s.t.Errorf("find: %v", err)
		}
	}
	if bulk, ok := s.provider.(providerapi.BulkStatuser); ok {
		many, err := bulk.GetMany(s.t.Context(), []string{made.ExternalID})
		if err != nil || len(many) != 1 {
			s.t.Fatalf("get many: got %+v, %v", many, err)
		}
		seen["get many"] = many[0]
	}
	for call, one := range seen {
		if one.State != order.ExternalOther || one.RawStatus == "" {
			s.t.Errorf("%s: got state %q and word %q, want OTHER and the provider's word", call, one.State, one.RawStatus)
		}
	}
}

func unknownOrder(s *stage) {
	if _, err := s.get("unknown-1"); !errors.Is(err, providerapi.ErrAbsent) {
		s.t.Errorf("got %v, want ErrAbsent", err)
	}
}
