package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"github.com/jackc/pgx/v5/pgtype"
)

// keyKind is the type of one value of a key.
type keyKind int

const (
	keyID keyKind = iota
	keyTime
	keyText
	keyNumber
	keyDecimal
	keyXID
)

// never stands for the end of time: where things without a date are sorted.
const never = "infinity"

// bound adds the page's bounds to the conditions. It fails with ErrKey.
func bound[T any](w *where, terms []term[T], desc bool, page Page) error {
	later, earlier := ">", "<"
	if desc {
		later, earlier = earlier, later
	}
	for _, side := range []struct {
		key        Key
		comparison string
	}{{page.After, later}, {page.Before, earlier}} {
		if side.key == nil {
			continue
		}
		if len(side.key) != len(terms) {
			return fmt.Errorf("%w: %d values, want %d", ErrKey, len(side.key), len(terms))
		}
		left, right := make([]string, len(terms)), make([]string, len(terms))
		for i, t := range terms {
			value, cast, err := t.kind.parse(side.key[i])
			if err != nil {
				return err
			}
			left[i], right[i] = t.sql, w.arg(value)+cast
		}
		w.conditions = append(w.conditions,
			"("+strings.Join(left, ", ")+") "+side.comparison+" ("+strings.Join(right, ", ")+")")
	}
	return nil
}

// parse reads a value that may have come from outside, for use as an argument with the cast.
func (k keyKind) parse(text string) (value any, cast string, err error) {
	switch k {
	case keyID:
		value, err = uuid.Parse(text)
		return value, "::uuid", badKey(err)
	case keyTime:
		if text == never {
			return pgtype.Timestamptz{InfinityModifier: pgtype.Infinity, Valid: true}, "::timestamptz", nil
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err == nil && (at.Year() < 1 || at.Year() > 9999) {
			return nil, "", ErrKey
		}
		return at, "::timestamptz", badKey(err)
	case keyNumber:
		value, err = strconv.ParseInt(text, 10, 64)
		return value, "::bigint", badKey(err)
	case keyDecimal:
		value, err = decimal.Parse(text)
		return value, "::numeric", badKey(err)
	case keyXID:
		_, err = strconv.ParseUint(text, 10, 64)
		return text, "::text::xid8", badKey(err)
	case keyText:
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, "", ErrKey
		}
		return text, "::text", nil
	default:
		return nil, "", ErrKey
	}
}

func badKey(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrKey, err)
}

func orderBy[T any](terms []term[T], desc bool) string {
	direction := ""
	if desc {
		direction = " DESC"
	}
	return strings.Join(column(terms, func(t term[T]) string { return t.sql + direction }), ", ")
}

func keyOfTime(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// idTerm is what every order ends with.
func idTerm[T any](idOf func(T) uuid.UUID) term[T] {
	return term[T]{sql: "t.id", kind: keyID, of: func(item T) string { return idOf(item).String() }}
}

func createdTerm[T any](createdAt func(T) time.Time) term[T] {
	return term[T]{sql: "t.created_at", kind: keyTime, of: func(item T) string { return keyOfTime(createdAt(item)) }}
}
