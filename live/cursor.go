package live

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/boostress/boostress/internal/feed"
)

// cursorVersion is the first byte of every cursor.
const cursorVersion = 1

const (
	cursorMAC      = 16       // bytes of the code at a cursor's end
	cursorEpoch    = 8        // bytes of the epoch
	cursorTextMax  = 16 << 10 // characters; a few hundred running transactions take less than one thousand
	cursorKeyShort = 16       // bytes that a key has at least
)

// What a cursor holds, as bits of its second byte.
const (
	cursorHasOrder = 1 << iota
	cursorHasPosition
	cursorPartial // the position lies within a window
	cursorKnown   = 1<<iota - 1
)

// Cursors writes and reads cursors: opaque text that says which events a client has seen. One that was not written
// with one of its keys is refused.
type Cursors struct{ keys [][]byte }

// NewCursors returns the cursors of a key, which every API process must share. Cursors that were written with older keys
// are still read. It fails for a key below 16 bytes.
func NewCursors(key []byte, older ...[]byte) (*Cursors, error) {
	c := &Cursors{}
	for _, key := range append([][]byte{key}, older...) {
		if len(key) < cursorKeyShort {
			return nil, fmt.Errorf("key of cursors has %d bytes, not %d", len(key), cursorKeyShort)
		}
		c.keys = append(c.keys, bytes.Clone(key))
	}
	return c, nil
}

// cursor is what a cursor's text holds. At least one of its halves is set.
type cursor struct {
	epoch    string    // 16 hexadecimal digits
	orderID  uuid.UUID // uuid.Nil: no order
	sequence int       // of the order's last seen event
	position *position // of the feed; nil: unknown
}

// encode writes a cursor. It fails for an epoch that is none.
func (c *Cursors) encode(value cursor) (string, error) {
	body := make([]byte, 2, 64)
	body[0] = cursorVersion
	epoch, err := hex.DecodeString(value.epoch)
	if err != nil || len(epoch) != cursorEpoch {
		return "", fmt.Errorf("write cursor: bad epoch %q", value.epoch)
	}
	body = append(body, epoch...)
	if value.orderID != uuid.Nil {
		body[1] |= cursorHasOrder
		body = append(body, value.orderID[:]...)
		body = binary.AppendUvarint(body, uint64(max(value.sequence, 0)))
	}
	if p := value.position; p != nil {
		body[1] |= cursorHasPosition
		if body, err = p.from.AppendBinary(body); err != nil {
			return "", fmt.Errorf("write cursor: %w", err)
		}
		if !p.whole() {
			body[1] |= cursorPartial
			if body, err = p.to.AppendBinary(body); err != nil {
				return "", fmt.Errorf("write cursor: %w", err)
			}
			body = binary.AppendUvarint(body, uint64(max(p.id, 0)))
		}
	}
	return base64.RawURLEncoding.EncodeToString(append(body, mac(c.keys[0], body)...)), nil
}

func mac(key, body []byte) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write(body)
	return hash.Sum(nil)[:cursorMAC]
}

// decode reads a cursor. It fails with ErrCursorInvalid.
func (c *Cursors) decode(text string) (cursor, error) {
	if len(text) > cursorTextMax {
		return cursor{}, fmt.Errorf("%w: too long", ErrCursorInvalid)
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(data) < 2+cursorEpoch+cursorMAC {
		return cursor{}, fmt.Errorf("%w: not whole", ErrCursorInvalid)
	}
	body, code := data[:len(data)-cursorMAC], data[len(data)-cursorMAC:]
	if !slices.ContainsFunc(c.keys, func(key []byte) bool { return hmac.Equal(code, mac(key, body)) }) {
		return cursor{}, fmt.Errorf("%w: wrong code", ErrCursorInvalid)
	}
	return readCursor(body)
}

// readCursor reads what encode wrote before the code.
func readCursor(body []byte) (value cursor, err error) {
	holds := body[1]
	if body[0] != cursorVersion || holds&^cursorKnown != 0 || holds&cursorKnown == 0 {
		return cursor{}, fmt.Errorf("%w: version", ErrCursorInvalid)
	}
	value.epoch = hex.EncodeToString(body[2 : 2+cursorEpoch])
	body = body[2+cursorEpoch:]
	if holds&cursorHasOrder != 0 {
		if len(body) < len(value.orderID) {
			return cursor{}, fmt.Errorf("%w: cut short", ErrCursorInvalid)
		}
		copy(value.orderID[:], body)
		var sequence uint64
		if sequence, body, err = readNumber(body[len(value.orderID):], math.MaxInt32); err != nil {
			return cursor{}, err
		}
		value.sequence = int(sequence) //nolint:gosec // bounded above
	}
	if holds&cursorHasPosition != 0 {
		if value.position, body, err = readPosition(body, holds&cursorPartial != 0); err != nil {
			return cursor{}, err
		}
	}
	if len(body) > 0 {
		return cursor{}, fmt.Errorf("%w: too much", ErrCursorInvalid)
	}
	return value, nil
}

func readPosition(body []byte, partial bool) (*position, []byte, error) {
	from, body, err := feed.ReadSnapshot(body)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCursorInvalid, err)
	}
	read := at(from)
	if !partial {
		return &read, body, nil
	}
	if read.to, body, err = feed.ReadSnapshot(body); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCursorInvalid, err)
	}
	id, body, err := readNumber(body, math.MaxInt64)
	if err != nil {
		return nil, nil, err
	}
	read.id = int64(id) //nolint:gosec // bounded above
	return &read, body, nil
}

func readNumber(body []byte, most uint64) (uint64, []byte, error) {
	value, size := binary.Uvarint(body)
	if size <= 0 || value > most {
		return 0, nil, fmt.Errorf("%w: bad number", ErrCursorInvalid)
	}
	return value, body[size:], nil
}
