// Package feed holds what the event feed is made of: snapshots of Postgres, which say how far a reader has come, and
// events as they are stored and carried.
package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrSnapshot is returned for what is no snapshot.
var ErrSnapshot = errors.New("bad snapshot")

// maxRunning bounds how many running transactions a snapshot may name; no server has that many connections.
const maxRunning = 1 << 16

// Snapshot says which transactions are visible: those below its end, but for the ones that were running. Snapshots
// that one server took are ordered: what a later one sees includes what an earlier one saw. The zero value sees
// nothing.
type Snapshot struct {
	end     uint64   // transactions from here on are not visible
	running []uint64 // ascending, each below end: not visible either
}

// ParseSnapshot reads the text form of pg_snapshot, xmin:xmax:xip,xip,…. It fails with ErrSnapshot.
func ParseSnapshot(text string) (Snapshot, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return Snapshot{}, fmt.Errorf("%w: %d parts", ErrSnapshot, len(parts))
	}
	begin, err := strconv.ParseUint(parts[0], 10, 64)
	if err != nil {
		return Snapshot{}, fmt.Errorf("%w: xmin: %w", ErrSnapshot, err)
	}
	s := Snapshot{}
	if s.end, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return Snapshot{}, fmt.Errorf("%w: xmax: %w", ErrSnapshot, err)
	}
	for item := range strings.SplitSeq(parts[2], ",") {
		if parts[2] == "" {
			break
		}
		xid, err := strconv.ParseUint(item, 10, 64)
		if err != nil {
			return Snapshot{}, fmt.Errorf("%w: xip: %w", ErrSnapshot, err)
		}
		s.running = append(s.running, xid)
	}
	if err := s.check(); err != nil {
		return Snapshot{}, err
	}
	if begin != s.begin() {
		return Snapshot{}, fmt.Errorf("%w: xmin is %d, not %d", ErrSnapshot, begin, s.begin())
	}
	return s, nil
}

func (s Snapshot) check() error {
	if len(s.running) > maxRunning {
		return fmt.Errorf("%w: too many running", ErrSnapshot)
	}
	for i, xid := range s.running {
		if xid >= s.end || i > 0 && xid <= s.running[i-1] {
			return fmt.Errorf("%w: running transactions out of order", ErrSnapshot)
		}
	}
	return nil
}

// begin is the first transaction that may not be visible.
func (s Snapshot) begin() uint64 {
	if len(s.running) > 0 {
		return s.running[0]
	}
	return s.end
}

// String returns the text form of pg_snapshot.
func (s Snapshot) String() string {
	text := strconv.AppendUint(nil, s.begin(), 10)
	text = append(text, ':')
	text = strconv.AppendUint(text, s.end, 10)
	text = append(text, ':')
	for i, xid := range s.running {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendUint(text, xid, 10)
	}
	return string(text)
}

// MarshalText is String.
func (s Snapshot) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSnapshot.
func (s *Snapshot) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSnapshot(string(text))
	return err
}

// Sees reports whether what the transaction wrote is visible, given that it committed.
func (s Snapshot) Sees(xid uint64) bool {
	if xid >= s.end {
		return false
	}
	_, running := slices.BinarySearch(s.running, xid)
	return !running
}

// SeesBelow reports whether every transaction up to and including xid is visible.
func (s Snapshot) SeesBelow(xid uint64) bool { return xid < s.begin() }

// Compare returns -1 where s is older than other, 0 where both see the same, and 1 where s is newer. Both must be of
// the same server.
func (s Snapshot) Compare(other Snapshot) int {
	switch {
	case s.end != other.end:
		if s.end < other.end {
			return -1
		}
		return 1
	// With the same end, transactions only finish: fewer are running in the newer one.
	case len(s.running) != len(other.running):
		if len(s.running) > len(other.running) {
			return -1
		}
		return 1
	default:
		return 0
	}
}

// End returns the first transaction id that had not been given out.
func (s Snapshot) End() uint64 { return s.end }

// Running returns the transactions below End that are not visible, ascending. Nobody may change it.
func (s Snapshot) Running() []uint64 { return s.running }

// AppendBinary appends a short form: end, number of running transactions, and the distance of each to the one before.
func (s Snapshot) AppendBinary(to []byte) ([]byte, error) {
	to = binary.AppendUvarint(to, s.end)
	to = binary.AppendUvarint(to, uint64(len(s.running)))
	last := uint64(0)
	for _, xid := range s.running {
		to = binary.AppendUvarint(to, xid-last)
		last = xid
	}
	return to, nil
}

// ReadSnapshot reads what AppendBinary wrote and returns what follows it. It fails with ErrSnapshot.
func ReadSnapshot(from []byte) (s Snapshot, rest []byte, err error) {
	next := func() (uint64, error) {
		value, size := binary.Uvarint(from)
		if size <= 0 {
			return 0, fmt.Errorf("%w: cut short", ErrSnapshot)
		}
		from = from[size:]
		return value, nil
	}
	if s.end, err = next(); err != nil {
		return Snapshot{}, nil, err
	}
	count, err := next()
	if err != nil {
		return Snapshot{}, nil, err
	}
	if count > maxRunning || count > uint64(len(from)) {
		return Snapshot{}, nil, fmt.Errorf("%w: too many running", ErrSnapshot)
	}
	last := uint64(0)
	for range count {
		distance, err := next()
		if err != nil {
			return Snapshot{}, nil, err
		}
		last += distance // what overflows is out of order
		s.running = append(s.running, last)
	}
	if err := s.check(); err != nil {
		return Snapshot{}, nil, err
	}
	return s, from, nil
}
