// Package scalar reads and writes the API's scalars. Where the core has a zero value for "none" (an empty text, the nil
// id, the zero time), the API has null.
package scalar

import (
	"errors"
	"fmt"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
)

// ErrScalar is returned for a value that a scalar can't be read from.
var ErrScalar = errors.New("bad value")

func bad(want string, value any) error {
	return fmt.Errorf("%w: expected %s, got %T", ErrScalar, want, value)
}

// MarshalID writes an id, the nil one as null.
func MarshalID(id uuid.UUID) graphql.Marshaler {
	if id == uuid.Nil {
		return graphql.Null
	}
	const quoted = 38
	text := make([]byte, 0, quoted)
	text = append(text, '"')
	text = append(text, id.String()...)
	return raw(append(text, '"'))
}

// UnmarshalID reads an id. A malformed one is read as the nil id, which nothing has: ids are opaque to clients, so that it
// is no more an error than an unknown one.
func UnmarshalID(value any) (uuid.UUID, error) {
	text, ok := value.(string)
	if !ok {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, nil //nolint:nilerr // see above
	}
	return id, nil
}

// MarshalText writes a text, the empty one as null: in the core "" means that there is none.
func MarshalText(text string) graphql.Marshaler {
	if text == "" {
		return graphql.Null
	}
	return graphql.MarshalString(text)
}

// UnmarshalText reads a text; null is the empty one.
func UnmarshalText(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
	default:
		return "", bad("a text", value)
	}
}

// raw is JSON as it is.
type raw []byte

// MarshalGQL writes the JSON.
func (r raw) MarshalGQL(w io.Writer) {
	_, _ = w.Write(r) // The writer is a buffer; gqlgen's interface has no place for an error.
}
