package store

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"github.com/boostress/boostress/routing"
)

// Set-based statements take columns: one array for each column, unnested together. What may be NULL travels as text
// with "" for NULL.

func column[T, C any](items []T, value func(T) C) []C {
	values := make([]C, len(items))
	for i, item := range items {
		values[i] = value(item)
	}
	return values
}

func rows[R, T any](list []R, one func(R) T) []T { return column(list, one) }

// small is a number that the core keeps within 32 bits.
func small(number int) int32 { return int32(number) } //nolint:gosec // bounded

func textOfID(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

func textOfTime(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

func textOfDecimal(amount *decimal.Decimal) string {
	if amount == nil {
		return ""
	}
	return amount.String()
}

// textOfIDs formats a Postgres array literal.
func textOfIDs(ids []uuid.UUID) string {
	const width = 37
	text := make([]byte, 0, 2+width*len(ids))
	text = append(text, '{')
	for i, id := range ids {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, id.String()...)
	}
	return string(append(text, '}'))
}

// textOfKinds formats a Postgres array literal.
func textOfKinds(kinds []routing.Kind) string {
	return "{" + strings.Join(column(kinds, func(k routing.Kind) string { return string(k) }), ",") + "}"
}

func textOfDuration(long *time.Duration) string {
	if long == nil {
		return ""
	}
	return strconv.FormatInt(long.Milliseconds(), 10)
}

func textOfJSON(value json.RawMessage) string { return string(value) }

func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	moved := at.UTC()
	return &moved
}

func textOfDay(day *time.Time) string {
	if day == nil {
		return ""
	}
	return day.Format(time.DateOnly)
}

// given turns a nil list, which would be NULL, into an empty one.
func given[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

func microseconds(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

func value[T any](pointer *T) T {
	var none T
	if pointer == nil {
		return none
	}
	return *pointer
}
