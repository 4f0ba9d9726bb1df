package scalar_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/graph/scalar"
)

func write(m graphql.Marshaler) string {
	var text strings.Builder
	m.MarshalGQL(&text)
	return text.String()
}

func TestZeroValuesAreNull(t *testing.T) {
	t.Parallel()

	for name, m := range map[string]graphql.Marshaler{
		"id": scalar.MarshalID(uuid.Nil), "text": scalar.MarshalText(""), "time": scalar.MarshalDateTime(time.Time{}),
		"duration": scalar.MarshalDuration(0), "json": scalar.MarshalJSON(nil),
	} {
		if m != graphql.Null {
			t.Errorf("%s: the zero value is written as %s, want null", name, write(m))
		}
	}
}

func TestUnmarshalIDNeverFails(t *testing.T) {
	t.Parallel()

	known := uuid.MustParse("0191d0a5-6f64-7c3e-9d0e-000000000005")
	for _, tt := range []struct {
		value any
		want  uuid.UUID
	}{
		{known.String(), known},
		{"", uuid.Nil},
		{"1", uuid.Nil},
		{int64(7), uuid.Nil},
		{nil, uuid.Nil},
		{map[string]any{}, uuid.Nil},
	} {
		got, err := scalar.UnmarshalID(tt.value)
		if err != nil || got != tt.want {
			t.Errorf("UnmarshalID(%v) = %s, %v, want %s", tt.value, got, err, tt.want)
		}
	}
	if got, want := write(scalar.MarshalID(known)), `"`+known.String()+`"`; got != want {
		t.Errorf("MarshalID = %s, want %s", got, want)
	}
}

func TestUnmarshalDecimal(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		value any
		want  string // as it is written again; "": refused
	}{
		{"50.00", `"50.00"`},
		{"50", `"50.00"`},
		{"0.000001", `"0.000001"`},
		{"12.500000000", `"12.50"`},
		{"-3.1", `"-3.10"`},
		{"999999999999.999999", `"999999999999.999999"`},
		{json.Number("0.1"), `"0.10"`},
		{json.Number("123456789012.123456"), `"123456789012.123456"`},
		{int64(7), `"7.00"`},
		{0.1, `"0.10"`},
		{12345.678901, `"12345.678901"`},
		{"0.0000001", ""},
		{"0.50000000000000000000001", ""},
		{"99999999999999999999.5", ""},
		{"1e3", ""},
		{json.Number("1E3"), ""},
		{"1_000", ""},
		{"", ""},
		{".", ""},
		{"abc", ""},
		{"NaN", ""},
		{" 1", ""},
		{123456789012.12346, ""},
		{true, ""},
		{nil, ""},
		{[]any{"1"}, ""},
	} {
		got, err := scalar.UnmarshalDecimal(tt.value)
		switch {
		case tt.want == "" && !errors.Is(err, scalar.ErrScalar):
			t.Errorf("UnmarshalDecimal(%v) = %s, %v, want ErrScalar", tt.value, got, err)
		case tt.want != "" && (err != nil || write(scalar.MarshalDecimal(got)) != tt.want):
			t.Errorf("UnmarshalDecimal(%v) = %s, %v, want %s", tt.value, got, err, tt.want)
		}
	}
}

func TestDateTime(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		value any
		want  string
	}{
		{"2099-01-31T00:00:00Z", `"2099-01-31T00:00:00Z"`},
		{"2026-11-24T10:30:00.123456789+01:00", `"2026-11-24T09:30:00.123456Z"`},
		{"2026-11-24", ""},
		{"0001-01-01T00:00:00Z", ""},
		{"2026-13-01T00:00:00Z", ""},
		{int64(5), ""},
		{nil, ""},
	} {
		got, err := scalar.UnmarshalDateTime(tt.value)
		switch {
		case tt.want == "" && !errors.Is(err, scalar.ErrScalar):
			t.Errorf("UnmarshalDateTime(%v) = %s, %v, want ErrScalar", tt.value, got, err)
		case tt.want != "" && (err != nil || write(scalar.MarshalDateTime(got)) != tt.want):
			t.Errorf("UnmarshalDateTime(%v) = %s, %v, want %s", tt.value, got, err, tt.want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		value any
		want  time.Duration
		text  string
	}{
		{"PT1H30M", 90 * time.Minute, `"PT1H30M"`},
		{"P1D", 24 * time.Hour, `"PT24H"`},
		{"P1DT0.5S", 24*time.Hour + 500*time.Millisecond, `"PT24H0.5S"`},
		{"P2W", 14 * 24 * time.Hour, `"PT336H"`},
		{"PT0.000001S", time.Microsecond, `"PT0.000001S"`},
		{"PT90M", 90 * time.Minute, `"PT1H30M"`},
		{"PT0S", 0, "null"},
		{"P", -1, ""},
		{"PT", -1, ""},
		{"P1DT", -1, ""},
		{"P1Y", -1, ""},
		{"P1M", -1, ""},
		{"-PT1S", -1, ""},
		{"PT1.S", -1, ""},
		{"5s", -1, ""},
		{"", -1, ""},
		{int64(5), -1, ""},
	} {
		got, err := scalar.UnmarshalDuration(tt.value)
		switch {
		case tt.text == "" && !errors.Is(err, scalar.ErrScalar):
			t.Errorf("UnmarshalDuration(%v) = %s, %v, want ErrScalar", tt.value, got, err)
		case tt.text != "" && (err != nil || got != tt.want || write(scalar.MarshalDuration(got)) != tt.text):
			t.Errorf("UnmarshalDuration(%v) = %s, %v, want %s, written as %s", tt.value, got, err, tt.want, tt.text)
		}
	}
}

func TestJSONKeepsNumbersAndMarkup(t *testing.T) {
	t.Parallel()

	value := map[string]any{"n": json.Number("12345678901234567890.5"), "s": "<a&b>", "l": []any{nil, true}}
	got, err := scalar.UnmarshalJSON(value)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"l":[null,true],"n":12345678901234567890.5,"s":"<a&b>"}`
	if diff := cmp.Diff(want, write(scalar.MarshalJSON(got))); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func FuzzDecimal(f *testing.F) {
	for _, seed := range []string{"50.00", "-0", "0.000001", "999999999999.999999", "1e9", "..", "+5", "00.10"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		number, err := scalar.UnmarshalDecimal(text)
		if err != nil {
			return
		}
		var again string
		if err := json.Unmarshal([]byte(write(scalar.MarshalDecimal(number))), &again); err != nil {
			t.Fatalf("%q is written as no JSON text: %v", text, err)
		}
		if same, err := decimal.Parse(again); err != nil || same.Cmp(number) != 0 {
			t.Fatalf("%q is read as %s and written as %q", text, number, again)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"PT1H30M", "P1DT0.5S", "P5000W", "PT", "PT999999999.999999999S", "P9999W", "P99999DT999999H"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		length, err := scalar.UnmarshalDuration(text)
		if err != nil || length == 0 {
			return
		}
		again, err := scalar.UnmarshalDuration(strings.Trim(write(scalar.MarshalDuration(length)), `"`))
		if err != nil || again != length {
			t.Fatalf("%q is %s, and that is read as %s (%v)", text, length, again, err)
		}
	})
}
