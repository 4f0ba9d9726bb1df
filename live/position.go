package live

import "github.com/boostress/boostress/internal/feed"

// position is how far a reader of the feed has come: it has read what from sees, and what to sees with an id up to id.
// Windows of the feed are read by id, so this can say "in the middle of the window between from and to".
type position struct {
	from, to feed.Snapshot
	id       int64
}

// at is the position of who has read all that a snapshot sees.
func at(s feed.Snapshot) position { return position{from: s, to: s} }

// whole reports whether the position lies between windows.
func (p position) whole() bool { return p.from.Compare(p.to) == 0 }

// read reports whether the position has an event behind it.
func (p position) read(xid uint64, id int64) bool {
	return p.from.Sees(xid) || id <= p.id && p.to.Sees(xid)
}

// reaches reports whether all that lies behind other lies behind p.
func (p position) reaches(other position) bool {
	switch {
	case p.from.Compare(other.to) >= 0:
		return true
	case p.from.Compare(other.from) < 0:
		return false
	default:
		return other.id == 0 || p.to.Compare(other.to) == 0 && p.id >= other.id
	}
}

// past returns the position of a reader who, besides what lies behind p, has now read all behind next. Where both are in
// the middle of different windows no position says that, and p stays.
func (p position) past(next position) position {
	from := p.from
	if next.from.Compare(from) > 0 {
		from = next.from
	}
	switch {
	case next.reaches(p):
		return next
	case p.reaches(next):
		return p
	case p.to.Compare(next.to) == 0:
		return position{from: from, to: p.to, id: max(p.id, next.id)}
	case p.whole():
		return position{from: from, to: next.to, id: next.id}
	case next.whole():
		return position{from: from, to: p.to, id: p.id}
	default:
		return p
	}
}
