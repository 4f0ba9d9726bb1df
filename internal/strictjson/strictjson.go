// Package strictjson reads JSON objects whose members are all known, and tells everything that is wrong with one, each
// with its path. As in the API, null is the same as nothing.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing wrong with a value.
type Problem struct {
	Path    []string
	Missing bool // it must be given
	Message string
}

// Problems collects what is wrong with one value and what it holds.
type Problems struct{ list []Problem }

// List returns them in the order in which they were found.
func (p *Problems) List() []Problem { return p.list }

// Object is a JSON object that is being read. Its methods take members by name; Close finds those that nobody took.
// Of a value that is no object, all members are missing, and none is reported.
type Object struct {
	problems *Problems
	path     []string
	names    []string
	members  map[string]json.RawMessage
	taken    map[string]bool
	broken   bool
}

// Read reads an object.
func Read(text json.RawMessage) (*Object, *Problems) {
	problems := new(Problems)
	return newObject(problems, nil, text), problems
}

func newObject(problems *Problems, path []string, text json.RawMessage) *Object {
	o := &Object{problems: problems, path: path, members: make(map[string]json.RawMessage), taken: make(map[string]bool)}
	if !json.Valid(text) || kindOf(text) != '{' {
		o.broken = true
		o.problem("must be a JSON object")
		return o
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	_, _ = decoder.Token() // the text is valid: nothing of it fails
	for decoder.More() {
		token, _ := decoder.Token()
		name, _ := token.(string)
		var value json.RawMessage
		_ = decoder.Decode(&value)
		if _, twice := o.members[name]; twice {
			o.problem("is given twice", name)
			continue
		}
		o.names, o.members[name] = append(o.names, name), value
	}
	return o
}

// kindOf returns the first character of a valid JSON text, which tells what it is.
func kindOf(text json.RawMessage) byte {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return 0
	}
	return text[0]
}

func (o *Object) at(names ...string) []string { return append(slices.Clone(o.path), names...) }

func (o *Object) problem(message string, names ...string) {
	o.problems.list = append(o.problems.list, Problem{Path: o.at(names...), Message: message})
}

// Close reports the members that nobody took.
func (o *Object) Close() {
	known := make([]string, 0, len(o.taken))
	for name := range o.taken {
		known = append(known, name)
	}
	slices.Sort(known)
	for _, name := range o.names {
		if !o.taken[name] {
			message := "is unknown: nothing can be given here"
			if len(known) > 0 {
				message = "is unknown: known are " + strings.Join(known, ", ")
			}
			o.problem(message, name)
		}
	}
}

// Raw takes a member as it is; nil: there is none.
func (o *Object) Raw(name string) json.RawMessage {
	o.taken[name] = true
	if value := o.members[name]; kindOf(value) != 'n' {
		return value
	}
	return nil
}

// Require reports a member that is missing, and returns it as Raw does.
func (o *Object) Require(name string) json.RawMessage {
	value := o.Raw(name)
	if value == nil && !o.broken {
		o.problems.list = append(o.problems.list, Problem{Path: o.at(name), Missing: true, Message: "must be given"})
	}
	return value
}

// Text takes a text; "" where there is none.
func (o *Object) Text(name string) string { return read[string](o, o.Raw(name), "a text", name) }

// Bool takes a truth value; false where there is none.
func (o *Object) Bool(name string) bool { return read[bool](o, o.Raw(name), "true or false", name) }

// Int takes a whole number; 0 where there is none.
func (o *Object) Int(name string) int { return read[int](o, o.Raw(name), "a whole number", name) }

// Object takes an object. Its members are all missing where there is none; ok tells.
func (o *Object) Object(name string) (inner *Object, ok bool) {
	value := o.Raw(name)
	if value == nil {
		return &Object{problems: o.problems, path: o.at(name), taken: make(map[string]bool), broken: true}, false
	}
	return newObject(o.problems, o.at(name), value), true
}

// Objects takes a list of objects.
func (o *Object) Objects(name string) []*Object {
	elements := read[[]json.RawMessage](o, o.Raw(name), "a list", name)
	objects := make([]*Object, len(elements))
	for i, element := range elements {
		objects[i] = newObject(o.problems, o.at(name, strconv.Itoa(i)), element)
	}
	return objects
}

// List takes a list of values of one kind, which want names.
func List[T any](o *Object, name, want string) []T {
	elements := read[[]json.RawMessage](o, o.Raw(name), "a list", name)
	values := make([]T, 0, len(elements))
	for i, element := range elements {
		values = append(values, read[T](o, element, want, name, strconv.Itoa(i)))
	}
	return values
}

// Names lists the object's members in the order in which they were given.
func (o *Object) Names() []string { return o.names }

// Problem reports something else that is wrong with the object or a member.
func (o *Object) Problem(message string, names ...string) { o.problem(message, names...) }

func read[T any](o *Object, value json.RawMessage, want string, names ...string) T {
	var read T
	if value == nil {
		return read
	}
	if kindOf(value) == 'n' || json.Unmarshal(value, &read) != nil {
		var none T
		o.problem(fmt.Sprintf("must be %s", want), names...)
		return none
	}
	return read
}
