package id

import "errors"

// ErrKind is returned by Parse for an identifier that belongs to another kind of thing.
var ErrKind = errors.New("id of another kind")
