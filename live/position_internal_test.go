package live

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/boostress/boostress/internal/feed"
)

// written is an event of the model.
type written struct {
	xid uint64
	id  int64
}

// model is a model of a server: transactions that begin, write and end in any order, and the snapshots taken on the
// way.
type model struct {
	events    []written
	snapshots []feed.Snapshot
}

func drawModel(t *rapid.T) model {
	var (
		m       model
		next    = uint64(10)
		running []uint64
	)
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		switch action := rapid.IntRange(0, 3).Draw(t, "action"); {
		case action == 0:
			running = append(running, next)
			next++
		case action == 1 && len(running) > 0:
			writer := running[rapid.IntRange(0, len(running)-1).Draw(t, "writer")]
			m.events = append(m.events, written{xid: writer, id: int64(len(m.events) + 1)})
		case action == 2 && len(running) > 0:
			ends := rapid.IntRange(0, len(running)-1).Draw(t, "ends")
			running = append(append([]uint64(nil), running[:ends]...), running[ends+1:]...)
		default:
			m.snapshots = append(m.snapshots, snapshotOf(t, next, running))
		}
	}
	m.snapshots = append(m.snapshots, snapshotOf(t, next, running))
	return m
}

func snapshotOf(t *rapid.T, next uint64, running []uint64) feed.Snapshot {
	packed := append(make([]byte, 0, 2+len(running)), byte(next), byte(len(running)))
	last := uint64(0)
	for _, xid := range running {
		packed = append(packed, byte(xid-last))
		last = xid
	}
	s, _, err := feed.ReadSnapshot(packed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (m model) position(t *rapid.T, label string) position {
	from := rapid.IntRange(0, len(m.snapshots)-1).Draw(t, label+" from")
	to := rapid.IntRange(from, len(m.snapshots)-1).Draw(t, label+" to")
	p := position{from: m.snapshots[from], to: m.snapshots[to]}
	if !p.whole() {
		p.id = int64(rapid.IntRange(0, len(m.events)).Draw(t, label+" id"))
	}
	return p
}

// TestPositions compares positions with the sets of events that they stand for.
func TestPositions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		p, q := m.position(t, "p"), m.position(t, "q")
		covers, sum := p.reaches(q), p.past(q)
		exact := p.whole() || q.whole() || p.to.Compare(q.to) == 0 || p.reaches(q) || q.reaches(p)
		for _, e := range m.events {
			inP, inQ, inSum := p.read(e.xid, e.id), q.read(e.xid, e.id), sum.read(e.xid, e.id)
			if covers && inQ && !inP {
				t.Fatalf("%v reaches %v, but has not read %v", p, q, e)
			}
			if inP && !inSum {
				t.Fatalf("%v past %v lost %v", p, q, e)
			}
			if inSum && !inP && !inQ {
				t.Fatalf("%v past %v claims %v", p, q, e)
			}
			if exact && inQ && !inSum {
				t.Fatalf("%v past %v did not gain %v", p, q, e)
			}
		}
	})
}

// TestPositionsFollow reads the model as a hub does, window by window, and expects every position on the way to have
// read exactly what was delivered.
func TestPositionsFollow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := drawModel(t)
		at := at(m.snapshots[0])
		read := map[written]bool{}
		for _, e := range m.events {
			read[e] = at.read(e.xid, e.id)
		}
		for _, to := range m.snapshots[1:] {
			from := at.from
			for _, e := range m.events { // by id
				if !to.Sees(e.xid) || from.Sees(e.xid) {
					continue
				}
				if at.read(e.xid, e.id) {
					t.Fatalf("%v has read %v before it came", at, e)
				}
				read[e] = true
				at = at.past(position{from: from, to: to, id: e.id})
				for _, other := range m.events {
					if at.read(other.xid, other.id) != read[other] {
						t.Fatalf("%v, behind %v: %v is wrong", at, e, other)
					}
				}
			}
			at = at.past(position{from: to, to: to})
		}
	})
}
