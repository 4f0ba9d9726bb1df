package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"

	"github.com/boostress/boostress/providerapi/protocol"
)

const shards = 64 // of a provider's keys

type digest [16]byte

// digestOf is the same for requests that ask for the same: offer, quantity, destination and attributes, by value.
func digestOf(request *protocol.OrderRequest) digest {
	plain := protocol.OrderRequest{
		OfferID: request.OfferID, Quantity: request.Quantity, Destination: request.Destination,
		Attributes: canonical(request.Attributes),
	}
	plain.Destination.Attributes = canonical(request.Destination.Attributes)
	var room [512]byte
	sum := sha256.Sum256(plain.Append(room[:0]))
	return digest(sum[:len(digest{})])
}

// canonical spells a JSON object with its members in order and without white space.
func canonical(object json.RawMessage) json.RawMessage {
	if len(object) <= len("{}") {
		return object
	}
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return object
	}
	sorted, err := json.Marshal(value)
	if err != nil {
		return object
	}
	return sorted
}

// shard guards some of a provider's orders. It is never held during input or output.
type shard struct {
	mu   sync.Mutex
	keys map[string]*entry // the first order with the key
}

func (p *provider) shardOf(key string) *shard {
	return &p.shards[maphash.String(p.seed, key)%shards]
}

// insert makes the entry findable by its key. The shard must be held.
func (sh *shard) insert(e *entry) {
	first := sh.keys[e.key]
	if first == nil {
		sh.keys[e.key] = e
		return
	}
	for first.next != nil {
		first = first.next
	}
	first.next = e
}

// ledger is every order of every provider, in the order in which they came. It only grows.
type ledger struct {
	run string // part of every id that this process gives out, so that none is ever given out twice

	mu      sync.RWMutex
	entries []*entry // by sequence number, less one; nil where a process died before it had recorded one
}

// add numbers an entry and names it.
func (l *ledger) add(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.seq = len(l.entries) + 1
	var room [48]byte
	id := append(room[:0], e.provider.initials...)
	id = append(append(append(id, '-'), l.run...), '-')
	e.id = string(strconv.AppendInt(id, int64(e.seq), 36))
	l.entries = append(l.entries, e)
}

// restore puts an entry back where it was.
func (l *ledger) restore(e *entry) {
	for len(l.entries) < e.seq {
		l.entries = append(l.entries, nil)
	}
	l.entries[e.seq-1] = e
}

// find returns the provider's order with the id, or nil.
func (l *ledger) find(p *provider, id string) *entry {
	seq, err := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 36, 64)
	if err != nil {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if seq < 1 || seq > int64(len(l.entries)) {
		return nil
	}
	e := l.entries[seq-1]
	if e == nil || e.id != id || e.provider != p {
		return nil
	}
	return e
}

// after returns what stands in the ledger behind a sequence number.
func (l *ledger) after(seq int) []*entry {
	l.mu.RLock()
	defer l.mu.RUnlock()
	// The part that is there never changes, so that it can be read without the lock.
	return l.entries[min(max(seq, 0), len(l.entries)):]
}

// Stats counts the orders of all providers.
type Stats struct {
	Orders        int `json:"orders"`
	LiveOrders    int `json:"liveOrders"`    // neither rejected nor canceled nor failed
	DistinctKeys  int `json:"distinctKeys"`  // that orders came with; a key is one provider's
	DuplicateKeys int `json:"duplicateKeys"` // that more than one live order has
}

// Stats reads the whole ledger. It does not rely on the index by which repeated keys are recognized, whose faults it
// is to reveal.
func (s *Server) Stats() Stats {
	type owned struct {
		provider *provider
		key      string
	}
	entries := s.ledger.after(0)
	var stats Stats
	keys := make(map[owned]int, len(entries))
	for _, e := range entries {
		if e == nil {
			continue
		}
		stats.Orders++
		e.shard.mu.Lock()
		live := e.live()
		e.shard.mu.Unlock()
		key := owned{e.provider, e.key}
		count := keys[key]
		if live {
			stats.LiveOrders++
			count++
			if count == 2 {
				stats.DuplicateKeys++
			}
		}
		keys[key] = count
	}
	stats.DistinctKeys = len(keys)
	return stats
}

// Live counts the live orders that a provider holds under a key.
func (s *Server) Live(slug, key string) int {
	live := 0
	for _, e := range s.ledger.after(0) {
		if e == nil || e.provider.slug != slug || e.key != key {
			continue
		}
		e.shard.mu.Lock()
		if e.live() {
			live++
		}
		e.shard.mu.Unlock()
	}
	return live
}

// place records an order. Where the provider knows the key it returns the first order with it, and whether the
// request was the same.
func (s *Server) place(e *entry, b *Behavior) (placed *entry, order protocol.Order, fresh, same bool) {
	sh := e.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if first := sh.keys[e.key]; first != nil && !b.ForgetKeys {
		order = first.wire()
		return first, order, false, first.digest == e.digest
	}
	s.ledger.add(e)
	s.begin(e, b)
	sh.insert(e)
	e.position = s.journal.order(e)
	order = e.wire()
	return e, order, true, true
}
