package order

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of a JSON value besides MaxJSON: the database writes 1e999 out as a thousand digits.
const (
	maxJSONDepth    = 32
	maxJSONExponent = 64
)

// objectFault says why value is no JSON object that can be stored, or "". What the database refuses is refused here
// with a word: NUL characters, halves of characters and text that is not UTF-8.
func objectFault(value json.RawMessage) string {
	if text := bytes.TrimSpace(value); !json.Valid(value) || len(text) == 0 || text[0] != '{' {
		return "must be a JSON object"
	}
	if !utf8.Valid(value) {
		return "must be valid UTF-8"
	}
	scan := jsonScan{rest: value}
	for len(scan.rest) > 0 {
		if fault := scan.token(); fault != "" {
			return fault
		}
	}
	return ""
}

// jsonScan walks over a text that is known to be valid JSON.
type jsonScan struct {
	rest  []byte
	depth int
}

// token takes the next token off the rest and says what is wrong with it, or "".
func (s *jsonScan) token() string {
	first := s.rest[0]
	switch {
	case first == '"':
		return s.text()
	case first == '-' || first >= '0' && first <= '9':
		return s.number()
	case first == '{' || first == '[':
		s.depth++
	case first == '}' || first == ']':
		s.depth--
	}
	s.rest = s.rest[1:]
	if s.depth > maxJSONDepth {
		return fmt.Sprintf("must be nested at most %d deep", maxJSONDepth)
	}
	return ""
}

func (s *jsonScan) number() string {
	end := bytes.IndexFunc(s.rest, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) })
	if end < 0 {
		end = len(s.rest)
	}
	number := s.rest[:end]
	s.rest = s.rest[end:]
	at := bytes.IndexAny(number, "eE")
	if at < 0 {
		return ""
	}
	exponent, err := strconv.Atoi(string(number[at+1:]))
	if err != nil || exponent > maxJSONExponent || exponent < -maxJSONExponent {
		return fmt.Sprintf("must hold no number with an exponent beyond %d", maxJSONExponent)
	}
	return ""
}

// text takes a string, its escapes checked.
func (s *jsonScan) text() string {
	s.rest = s.rest[1:]
	for s.rest[0] != '"' {
		if s.rest[0] != '\\' {
			s.rest = s.rest[1:]
			continue
		}
		if s.rest[1] != 'u' {
			s.rest = s.rest[2:]
			continue
		}
		if fault := s.escaped(); fault != "" {
			return fault
		}
	}
	s.rest = s.rest[1:]
	return ""
}

// escaped takes one \uXXXX, or the two of a pair.
func (s *jsonScan) escaped() string {
	const size, highFirst, lowFirst, lowLast = 6, 0xD800, 0xDC00, 0xDFFF
	unit := hexUnit(s.rest)
	s.rest = s.rest[size:]
	switch {
	case unit == 0:
		return `must not hold the character \u0000`
	case unit < highFirst || unit > lowLast:
		return ""
	}
	if second := hexUnit(s.rest); unit < lowFirst && second >= lowFirst && second <= lowLast {
		s.rest = s.rest[size:]
		return ""
	}
	return `must hold \u escapes of surrogates in pairs only`
}

// hexUnit reads the \uXXXX at the start of text, or returns -1.
func hexUnit(text []byte) int64 {
	const size = 6
	if len(text) < size || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseInt(string(text[2:size]), 16, 32)
	if err != nil {
		return -1
	}
	return unit
}

// sameJSON reports whether two texts say the same: spaces and the order of members don't matter.
func sameJSON(a, b json.RawMessage) bool {
	var values [2]any
	for i, text := range []json.RawMessage{a, b} {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&values[i]); err != nil {
			return bytes.Equal(a, b)
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
