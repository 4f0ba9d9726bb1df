package feed_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/internal/feed"
)

func parse(t testing.TB, text string) feed.Snapshot {
	t.Helper()
	s, err := feed.ParseSnapshot(text)
	if err != nil {
		t.Fatalf("parse %q: %v", text, err)
	}
	return s
}

func TestSnapshotSees(t *testing.T) {
	t.Parallel()
	s := parse(t, "10:20:10,15")
	for xid, want := range map[uint64]bool{3: true, 9: true, 10: false, 11: true, 15: false, 19: true, 20: false, 99: false} {
		if got := s.Sees(xid); got != want {
			t.Errorf("sees %d: %v, want %v", xid, got, want)
		}
	}
	for xid, want := range map[uint64]bool{9: true, 10: false, 12: false} {
		if got := s.SeesBelow(xid); got != want {
			t.Errorf("sees all up to %d: %v, want %v", xid, got, want)
		}
	}
	if (feed.Snapshot{}).Sees(0) {
		t.Error("the zero snapshot sees something")
	}
}

func TestSnapshotOrder(t *testing.T) {
	t.Parallel()
	ordered := []string{"0:0:", "10:20:10,15", "15:20:15", "20:20:", "20:21:20", "21:21:"}
	for i, a := range ordered {
		for j, b := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := parse(t, a).Compare(parse(t, b)); got != want {
				t.Errorf("compare %s with %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestSnapshotRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "1", "1:2", "1:2:3:4", "x:2:", "1:x:", "1:2:x", "2:2:1,", "1:9:1,1", "1:9:5,1", "1:9:1,9", "3:9:4", "9:8:", "-1:2:",
	} {
		if _, err := feed.ParseSnapshot(text); !errors.Is(err, feed.ErrSnapshot) {
			t.Errorf("parse %q: %v", text, err)
		}
	}
}

func FuzzParseSnapshot(f *testing.F) {
	for _, text := range []string{"10:20:10,15", "20:20:", "1:2:3", "18446744073709551615:18446744073709551615:", ":::"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := feed.ParseSnapshot(text)
		if err != nil {
			return
		}
		again := parse(t, s.String())
		if s.Compare(again) != 0 || again.String() != s.String() {
			t.Fatalf("%q became %q", text, again.String())
		}
		packed, err := s.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		unpacked, rest, err := feed.ReadSnapshot(append(packed, 'x'))
		if err != nil || string(rest) != "x" || unpacked.String() != s.String() {
			t.Fatalf("%q unpacked: %q, rest %q, %v", text, unpacked, rest, err)
		}
	})
}

func FuzzReadSnapshot(f *testing.F) {
	packed, err := parse(f, "10:20:10,15").AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, from []byte) {
		s, _, err := feed.ReadSnapshot(from)
		if err != nil {
			return
		}
		if diff := cmp.Diff(s.String(), parse(t, s.String()).String()); diff != "" {
			t.Fatal(diff)
		}
	})
}
