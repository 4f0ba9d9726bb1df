package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-faster/jx"
	"github.com/vektah/gqlparser/v2/ast"
)

// mostNested bounds how deep variables may nest: deeper than any input, and far from where anything gets slow.
const mostNested = 64

// What is wrong with a request's parameters. None of it repeats what the client sent.
var (
	errNotJSON   = errors.New("the body is not valid JSON")
	errBatch     = errors.New("batches are not supported: send one operation at a time")
	errNotObject = errors.New("the body must be a JSON object")
	errNoQuery   = errors.New("query is missing")
	errNested    = errors.New("the body nests too deeply")
)

// memberError says which parameter is of a wrong type.
type memberError struct{ member, want string }

func (e *memberError) Error() string { return e.member + " must be " + e.want }

// reader reads parameters. It knows the names of the schema's input fields, so that a batch of a hundred orders doesn't
// make a hundred texts of each.
type reader struct{ names map[string]string }

func newReader(schema *ast.Schema) reader {
	names := make(map[string]string)
	for _, definition := range schema.Types {
		if definition.Kind != ast.InputObject {
			continue
		}
		for _, field := range definition.Fields {
			names[field.Name] = field.Name
		}
	}
	return reader{names: names}
}

// post reads the body of a POST. Its errors are for the client.
func (p reader) post(body []byte) (*graphql.RawParams, error) {
	if !utf8.Valid(body) {
		return nil, errNotJSON
	}
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(body)
	switch d.Next() {
	case jx.Object:
	case jx.Array:
		return nil, errBatch
	case jx.String, jx.Number, jx.Null, jx.Bool:
		return nil, errNotObject
	case jx.Invalid:
		return nil, errNotJSON
	}
	params := new(graphql.RawParams)
	err := d.ObjBytes(func(d *jx.Decoder, name []byte) error { return p.member(d, string(name), params) })
	if err == nil && !errors.Is(d.Skip(), io.EOF) {
		return nil, errNotJSON // something follows the object
	}
	if err != nil {
		return nil, forClient(err)
	}
	if params.Query == "" {
		return nil, errNoQuery
	}
	return params, nil
}

// forClient keeps what the JSON reader says to itself: it repeats parts of the body.
func forClient(err error) error {
	if wrong, ok := errors.AsType[*memberError](err); ok {
		return wrong
	}
	if errors.Is(err, errNested) {
		return errNested
	}
	return errNotJSON
}

func (p reader) member(d *jx.Decoder, name string, params *graphql.RawParams) error {
	var err error
	switch name {
	case "query":
		params.Query, err = readText(d, name)
	case "operationName":
		params.OperationName, err = readText(d, name)
	case "variables":
		params.Variables, err = p.mapping(d, name)
	case "extensions":
		params.Extensions, err = p.mapping(d, name)
	default:
		_, err = p.value(d, 0) // only to see that it is JSON that doesn't nest too deeply
	}
	return err
}

func readText(d *jx.Decoder, name string) (string, error) {
	switch d.Next() {
	case jx.String:
		return d.Str()
	case jx.Null:
		return "", d.Null()
	case jx.Number, jx.Bool, jx.Array, jx.Object, jx.Invalid:
	}
	return "", &memberError{member: name, want: "a string"}
}

func (p reader) mapping(d *jx.Decoder, name string) (map[string]any, error) {
	switch d.Next() {
	case jx.Object:
		return p.object(d, 0)
	case jx.Null:
		return nil, d.Null()
	case jx.Number, jx.Bool, jx.Array, jx.String, jx.Invalid:
	}
	return nil, &memberError{member: name, want: "an object"}
}

func (p reader) object(d *jx.Decoder, depth int) (map[string]any, error) {
	if depth >= mostNested {
		return nil, errNested
	}
	object := make(map[string]any)
	err := d.ObjBytes(func(d *jx.Decoder, name []byte) error {
		key, known := p.names[string(name)] // which makes no text
		if !known {
			key = string(name)
		}
		value, err := p.value(d, depth+1)
		object[key] = value
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	return object, nil
}

func (p reader) array(d *jx.Decoder, depth int) ([]any, error) {
	if depth >= mostNested {
		return nil, errNested
	}
	array := []any{}
	err := d.Arr(func(d *jx.Decoder) error {
		value, err := p.value(d, depth+1)
		array = append(array, value)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read array: %w", err)
	}
	return array, nil
}

// value reads a value as gqlgen wants it: numbers as they were written.
func (p reader) value(d *jx.Decoder, depth int) (any, error) {
	switch d.Next() {
	case jx.String:
		return d.Str()
	case jx.Number:
		number, err := d.Num()
		if err == nil && number.Str() {
			err = errNotJSON
		}
		return json.Number(number), err
	case jx.Bool:
		return d.Bool()
	case jx.Null:
		return nil, d.Null()
	case jx.Array:
		return p.array(d, depth)
	case jx.Object:
		return p.object(d, depth)
	case jx.Invalid:
	}
	return nil, errNotJSON
}

// get reads the parameters of a GET from its URL. Its errors are for the client.
func (p reader) get(text string) (*graphql.RawParams, error) {
	values, err := url.ParseQuery(text)
	if err != nil || !utf8.ValidString(text) {
		return nil, &memberError{member: "the URL's query", want: "well-formed"}
	}
	params := &graphql.RawParams{Query: values.Get("query"), OperationName: values.Get("operationName")}
	if !utf8.ValidString(params.Query) {
		return nil, &memberError{member: "query", want: "in UTF-8"}
	}
	for name, into := range map[string]*map[string]any{"variables": &params.Variables, "extensions": &params.Extensions} {
		text := values.Get(name)
		if text == "" {
			continue
		}
		if *into, err = p.parse(name, text); err != nil {
			return nil, err
		}
	}
	if params.Query == "" {
		return nil, errNoQuery
	}
	return params, nil
}

func (p reader) parse(name, text string) (map[string]any, error) {
	d := jx.DecodeStr(text)
	object, err := p.mapping(d, name)
	if err == nil && !errors.Is(d.Skip(), io.EOF) {
		err = errNotJSON
	}
	if err != nil || !utf8.ValidString(text) {
		return nil, &memberError{member: name, want: "a JSON object"}
	}
	return object, nil
}
