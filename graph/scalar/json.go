package scalar

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalJSON writes a JSON value as it is, an absent one as null.
func MarshalJSON(value json.RawMessage) graphql.Marshaler {
	if len(value) == 0 {
		return graphql.Null
	}
	return raw(value)
}

// UnmarshalJSON reads any JSON value. Numbers stay as they were written, but for floating-point literals in a document.
func UnmarshalJSON(value any) (json.RawMessage, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrScalar, err)
	}
	return bytes.TrimRight(text.Bytes(), "\n"), nil
}
