package server

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// coercer checks the values of variables as the GraphQL specification has it, and without reflection, which would cost a
// batch of orders more than reading it does. What it says of a wrong value names its place and never the value. The
// contents of our own scalars are left to the schema's rules.
type coercer struct {
	schema *ast.Schema
	enums  map[string]map[string]bool // values by name of the enumeration
}

func newCoercer(schema *ast.Schema) *coercer {
	c := &coercer{schema: schema, enums: make(map[string]map[string]bool)}
	for name, definition := range schema.Types {
		if definition.Kind != ast.Enum {
			continue
		}
		c.enums[name] = make(map[string]bool, len(definition.EnumValues))
		for _, value := range definition.EnumValues {
			c.enums[name][value.Name] = true
		}
	}
	return c
}

// coerce returns the values of an operation's variables. It may change given, whose numbers are json.Number.
func (c *coercer) coerce(of *ast.OperationDefinition, given map[string]any) (map[string]any, *gqlerror.Error) {
	coerced := make(map[string]any, len(of.VariableDefinitions))
	for _, variable := range of.VariableDefinitions {
		value, told := given[variable.Variable]
		if !told {
			switch {
			case variable.DefaultValue != nil:
				standard, err := variable.DefaultValue.Value(nil)
				if err != nil {
					return nil, fault(codeBadUserInput, "$"+variable.Variable+": its default can't be read")
				}
				coerced[variable.Variable] = standard
			case variable.Type.NonNull:
				return nil, fault(codeBadUserInput, "$"+variable.Variable+": must be given")
			}
			continue
		}
		value, wrong := c.value(variable.Type, value)
		if wrong != nil {
			return nil, fault(codeBadUserInput, "$"+variable.Variable+wrong.place()+": "+wrong.message)
		}
		coerced[variable.Variable] = value
	}
	return coerced, nil
}

// wrongValue says what is wrong with a value, and where, from the inside out.
type wrongValue struct {
	message string
	within  []string
}

func (w *wrongValue) at(place string) *wrongValue {
	w.within = append(w.within, place)
	return w
}

func (w *wrongValue) place() string {
	var text strings.Builder
	for _, place := range slices.Backward(w.within) {
		text.WriteString(place)
	}
	return text.String()
}

// value checks one value. What it returns is the value, except that one alone stands for a list of one.
func (c *coercer) value(of *ast.Type, value any) (any, *wrongValue) {
	switch {
	case value == nil && of.NonNull:
		return nil, &wrongValue{message: "must not be null"}
	case value == nil:
		return nil, nil
	case of.Elem != nil:
		return c.list(of.Elem, value)
	}
	definition := c.schema.Types[of.NamedType]
	switch definition.Kind {
	case ast.Scalar:
		if !isScalar(of.NamedType, value) {
			return nil, &wrongValue{message: "expected " + of.NamedType}
		}
	case ast.Enum:
		if text, isText := value.(string); !isText || !c.enums[of.NamedType][text] {
			return nil, &wrongValue{message: "expected a value of " + of.NamedType}
		}
	case ast.InputObject:
		return value, c.object(definition, value)
	case ast.Object, ast.Interface, ast.Union: // validation lets no variable be of these
		return nil, &wrongValue{message: of.NamedType + " is no input"}
	}
	return value, nil
}

func (c *coercer) list(of *ast.Type, value any) (any, *wrongValue) {
	elements, isList := value.([]any)
	if !isList {
		alone, wrong := c.value(of, value)
		return []any{alone}, wrong
	}
	for i, element := range elements {
		coerced, wrong := c.value(of, element)
		if wrong != nil {
			return nil, wrong.at("[" + strconv.Itoa(i) + "]")
		}
		if of.Elem != nil {
			elements[i] = coerced // nothing else is ever replaced
		}
	}
	return value, nil
}

func (c *coercer) object(definition *ast.Definition, value any) *wrongValue {
	fields, isObject := value.(map[string]any)
	if !isObject {
		return &wrongValue{message: "expected an object of " + definition.Name}
	}
	known := 0
	for _, field := range definition.Fields {
		given, told := fields[field.Name]
		if !told {
			if field.Type.NonNull && field.DefaultValue == nil {
				return (&wrongValue{message: "must be given"}).at("." + field.Name)
			}
			continue
		}
		known++
		coerced, wrong := c.value(field.Type, given)
		if wrong != nil {
			return wrong.at("." + field.Name)
		}
		if field.Type.Elem != nil {
			fields[field.Name] = coerced
		}
	}
	if known == len(fields) {
		return nil
	}
	return &wrongValue{message: "has a field that " + definition.Name + " doesn't have"}
}

// isScalar reports whether a value can be of a scalar; of our own, everything can as far as we know here.
func isScalar(name string, value any) bool {
	switch name {
	case "String":
		_, isText := value.(string)
		return isText
	case "Boolean":
		_, isBoolean := value.(bool)
		return isBoolean
	case "ID":
		if _, isText := value.(string); isText {
			return true
		}
		number, isNumber := value.(json.Number)
		return isNumber && strings.Trim(number.String(), "-0123456789") == ""
	case "Int":
		number, isNumber := value.(json.Number)
		if !isNumber {
			return false
		}
		whole, err := number.Int64()
		return err == nil && whole >= math.MinInt32 && whole <= math.MaxInt32
	case "Float":
		number, isNumber := value.(json.Number)
		if !isNumber {
			return false
		}
		_, err := number.Float64() // what a float can't hold
		return err == nil
	}
	return true
}
