package live

import (
	"slices"

	"github.com/boostress/boostress/internal/feed"
)

// ring keeps the latest events of the feed, bounded by count and bytes, so that who comes back soon needs no database.
// Entries are numbered without end; base is the number of the oldest that is kept.
type ring struct {
	maxCount, maxBytes int

	entries []*entry // entries[0] has the number base
	base    uint64
	bytes   int
	start   feed.Snapshot // sees every event before the oldest entry
}

// reset forgets everything and begins anew behind a snapshot.
func (r *ring) reset(start feed.Snapshot) {
	r.base += uint64(len(r.entries))
	r.entries, r.bytes, r.start = nil, 0, start
}

func (r *ring) append(e *entry) {
	e.number = r.end()
	r.entries = append(r.entries, e)
	r.bytes += e.size
	for len(r.entries) > r.maxCount || r.bytes > r.maxBytes && len(r.entries) > 1 {
		oldest := r.entries[0]
		r.entries[0] = nil // the array stays until append moves it
		r.entries = r.entries[1:]
		r.base++
		r.bytes -= oldest.size
		r.start = oldest.after.to
	}
}

// end is the number that the next entry will have.
func (r *ring) end() uint64 { return r.base + uint64(len(r.entries)) }

// covers reports whether every event that a reader at p has not read is kept, or still to come.
func (r *ring) covers(p position) bool { return p.from.Compare(r.start) >= 0 }

// from returns up to limit entries from a number on, and false where the first of them is gone.
func (r *ring) from(number uint64, limit int) ([]*entry, bool) {
	if number < r.base {
		return nil, false
	}
	kept := r.entries[number-r.base:]
	return slices.Clone(kept[:min(len(kept), limit)]), true
}

// aligned reports whether a reader at p can go on with the entries from the oldest on, and always say where it is: it
// stands between windows, or within one that is kept, and not in the middle of several.
func (r *ring) aligned(p position) bool {
	if p.whole() {
		return true
	}
	return slices.ContainsFunc(r.entries, func(e *entry) bool { return e.after.to.Compare(p.to) == 0 && e.after.from.Compare(p.from) <= 0 })
}
