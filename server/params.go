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

// parseParams reads the body of a POST. Its errors are for the client.
func parseParams(body []byte) (*graphql.RawParams, error) {
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
	err := d.ObjBytes(func(d *jx.Decoder, name []byte) error { return readMember(d, string(name), params) })
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

func readMember(d *jx.Decoder, name string, params *graphql.RawParams) error {
	var err error
	switch name {
	case "query":
		params.Query, err = readText(d, name)
	case "operationName":
		params.OperationName, err = readText(d, name)
	case "variables":
		params.Variables, err = readMap(d, name)
	case "extensions":
		params.Extensions, err = readMap(d, name)
	default:
		_, err = readAny(d, 0) // only to see that it is JSON that doesn't nest too deeply
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

func readMap(d *jx.Decoder, name string) (map[string]any, error) {
	switch d.Next() {
	case jx.Object:
		return readObject(d, 0)
	case jx.Null:
		return nil, d.Null()
	case jx.Number, jx.Bool, jx.Array, jx.String, jx.Invalid:
	}
	return nil, &memberError{member: name, want: "an object"}
}

func readObject(d *jx.Decoder, depth int) (map[string]any, error) {
	if depth >= mostNested {
		return nil, errNested
	}
	object := make(map[string]any)
	err := d.ObjBytes(func(d *jx.Decoder, name []byte) error {
		key := string(name)
		value, err := readAny(d, depth+1)
		object[key] = value
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read object: %w", err)
	}
	return object, nil
}

func readArray(d *jx.Decoder, depth int) ([]any, error) {
	if depth >= mostNested {
		return nil, errNested
	}
	array := []any{}
	err := d.Arr(func(d *jx.Decoder) error {
		value, err := readAny(d, depth+1)
		array = append(array, value)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read array: %w", err)
	}
	return array, nil
}

// readAny reads a value as gqlgen wants it: numbers as they were written.
func readAny(d *jx.Decoder, depth int) (any, error) {
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
		return readArray(d, depth)
	case jx.Object:
		return readObject(d, depth)
	case jx.Invalid:
	}
	return nil, errNotJSON
}

// parseQuery reads the parameters of a GET from its URL. Its errors are for the client.
func parseQuery(text string) (*graphql.RawParams, error) {
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
		if *into, err = parseMap(name, text); err != nil {
			return nil, err
		}
	}
	if params.Query == "" {
		return nil, errNoQuery
	}
	return params, nil
}

func parseMap(name, text string) (map[string]any, error) {
	d := jx.DecodeStr(text)
	object, err := readMap(d, name)
	if err == nil && !errors.Is(d.Skip(), io.EOF) {
		err = errNotJSON
	}
	if err != nil || !utf8.ValidString(text) {
		return nil, &memberError{member: name, want: "a JSON object"}
	}
	return object, nil
}
