package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-faster/jx"
)

// What makes a message malformed, besides JSON that is none.
var (
	errDuplicate = errors.New("member given twice")
	errMembers   = errors.New("too many members")
	errElements  = errors.New("too many elements")
	errMissing   = errors.New("member is missing")
	errRange     = errors.New("value out of range")
	errTrailing  = errors.New("data after the message")
	errUTF8      = errors.New("not UTF-8")
	errDepth     = errors.New("nested too deeply")
)

// message reads one JSON object that is the whole of body.
func message(body []byte, limit int, member func(d *jx.Decoder, name []byte) error) error {
	if len(body) > limit {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(body), limit)
	}
	if !utf8.Valid(body) {
		return malformed(errUTF8)
	}
	if deep(body) {
		return malformed(errDepth)
	}
	d := jx.DecodeBytes(body)
	if err := object(d, member); err != nil {
		return malformed(err)
	}
	if err := d.Skip(); !errors.Is(err, io.EOF) {
		return malformed(errTrailing)
	}
	return nil
}

func malformed(err error) error { return fmt.Errorf("%w: %w", ErrMalformed, err) }

// deep reports whether body nests deeper than any message needs. Of a body that is no JSON it may say anything: the
// parser stops at its first fault.
func deep(body []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\' && inString:
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			if depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// object reads an object of the protocol, whose members are few and named once.
func object(d *jx.Decoder, member func(d *jx.Decoder, name []byte) error) error {
	var room [16][]byte
	seen := room[:0]
	return d.ObjBytes(func(d *jx.Decoder, name []byte) error {
		for _, other := range seen {
			if bytes.Equal(name, other) {
				return fmt.Errorf("%q: %w", name, errDuplicate)
			}
		}
		if len(seen) == maxMembers {
			return errMembers
		}
		seen = append(seen, name)
		if err := member(d, name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		return nil
	})
}

// absent consumes a null and reports whether there was one.
func absent(d *jx.Decoder) bool { return d.Next() == jx.Null && d.Null() == nil }

// text reads a string of at most limit bytes, which absent may be "".
func text(d *jx.Decoder, into *string, limit int) error {
	if absent(d) {
		return nil
	}
	value, err := d.Str()
	if err != nil {
		return err
	}
	if len(value) > limit || strings.Contains(value, "\x00") {
		return errRange
	}
	*into = value
	return nil
}

// prose reads a text for people, without NUL, and cuts what is too long.
func prose(d *jx.Decoder, into *string) error {
	if absent(d) {
		return nil
	}
	value, err := d.Str()
	if err != nil {
		return err
	}
	*into = Cut(strings.ReplaceAll(value, "\x00", ""), MaxText)
	return nil
}

// Cut shortens a text to at most limit bytes, at the end of a character.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// word reads a string of 1 to limit bytes without control characters.
func word(d *jx.Decoder, into *string, limit int) error {
	value, err := d.Str()
	if err != nil {
		return err
	}
	if value == "" || len(value) > limit || strings.ContainsFunc(value, unicode.IsControl) {
		return errRange
	}
	*into = value
	return nil
}

func identifier(d *jx.Decoder, into *string, valid func(string) bool) error {
	value, err := d.Str()
	if err != nil {
		return err
	}
	if !valid(value) {
		return errRange
	}
	*into = value
	return nil
}

func identifiers(d *jx.Decoder, into *[]string, valid func(string) bool) error {
	if absent(d) {
		return nil
	}
	return d.Arr(func(d *jx.Decoder) error {
		if len(*into) == MaxBatch {
			return errElements
		}
		var id string
		if err := identifier(d, &id, valid); err != nil {
			return err
		}
		*into = append(*into, id)
		return nil
	})
}

func number(d *jx.Decoder, into *int, low, high int) error {
	if absent(d) {
		return nil
	}
	value, err := d.Int()
	if err != nil {
		return err
	}
	if value < low || value > high {
		return errRange
	}
	*into = value
	return nil
}

func flag(d *jx.Decoder, into *bool) error {
	if absent(d) {
		return nil
	}
	value, err := d.Bool()
	if err != nil {
		return err
	}
	*into = value
	return nil
}

func moment(d *jx.Decoder, into **time.Time) error {
	if absent(d) {
		return nil
	}
	value, err := d.StrBytes()
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339Nano, string(value))
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	*into = &at
	return nil
}

// attributes copies a JSON object whose content is the provider's and the buyer's affair.
func attributes(d *jx.Decoder, into *json.RawMessage) error {
	if absent(d) {
		return nil
	}
	if d.Next() != jx.Object {
		return errRange
	}
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	*into = append(json.RawMessage(nil), raw...)
	return nil
}

func money(d *jx.Decoder) (*Money, error) {
	if absent(d) {
		return nil, nil //nolint:nilnil // an amount that is not known is no error
	}
	var m Money
	err := object(d, func(d *jx.Decoder, name []byte) error {
		switch string(name) {
		case "amount":
			return identifier(d, &m.Amount, ValidAmount)
		case "currency":
			return identifier(d, &m.Currency, func(s string) bool { return upper(s, 3) })
		default:
			return d.Skip()
		}
	})
	if err == nil && (m.Amount == "" || m.Currency == "") {
		err = errMissing
	}
	if err != nil {
		return nil, err
	}
	return &m, nil
}
