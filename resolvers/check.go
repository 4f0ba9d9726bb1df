package resolvers

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/boostress/boostress/graph/scalar"
)

// Values are checked here as the GraphQL specification wants it, before anything runs: gqlparser leaves our own scalars to
// the resolvers, takes enumerations in any case and numbers as texts.

// checkField notes the first thing that is wrong with the literals of a field's arguments, and where its variables matter.
func (p *plan) checkField(field *ast.Field) {
	for _, argument := range field.Arguments {
		p.checkLiteral(argument.Value)
		if !isPageSize(argument.Name) {
			continue
		}
		switch argument.Value.Kind {
		case ast.Variable:
			p.pages = append(p.pages, field)
		case ast.IntValue:
			if size, err := strconv.Atoi(argument.Value.Raw); err != nil || !goodPageSize(size) {
				p.refuse(field.Position, codeBadUserInput, badPageSize(argument.Name))
			}
		default: // null, or not valid
		}
	}
	if given(field, "first") && given(field, "last") {
		p.refuse(field.Position, codeBadUserInput, "give first or last, not both")
	}
}

func isPageSize(argument string) bool { return argument == "first" || argument == "last" }

func goodPageSize(size int) bool { return size >= 1 && size <= mostPerPage }

func badPageSize(argument string) string {
	return fmt.Sprintf("%s must be 1 to %d", argument, mostPerPage)
}

// given reports whether an argument has a value, not looking into variables.
func given(field *ast.Field, name string) bool {
	argument := field.Arguments.ForName(name)
	return argument != nil && argument.Value.Kind != ast.NullValue && argument.Value.Kind != ast.Variable
}

func (p *plan) refuse(at *ast.Position, code, message string) {
	if p.fault != nil {
		return
	}
	p.fault = refusal(code, message)
	if at != nil {
		p.fault.Locations = []gqlerror.Location{{Line: at.Line, Column: at.Column}}
	}
}

// checkLiteral looks at a literal and at what it holds; variables within are looked at with their values.
func (p *plan) checkLiteral(value *ast.Value) {
	if value == nil || value.Kind == ast.Variable || value.Kind == ast.NullValue {
		return
	}
	if value.Definition != nil && value.Definition.Kind == ast.Scalar && value.Kind != ast.ListValue {
		if value.Definition.Name == "JSON" && value.Kind == ast.ObjectValue {
			return
		}
		plain, err := value.Value(nil)
		if err == nil {
			err = checkScalar(value.Definition.Name, plain)
		}
		if err != nil {
			p.refuse(value.Position, codeValidationFailed, fmt.Sprintf("%s: %v", value.Definition.Name, err))
		}
		return
	}
	for _, child := range value.Children {
		p.checkLiteral(child.Value)
	}
}

// checkVariables refuses variables that are not of their types, and pages of a size that can't be.
func (r *Rules) checkVariables(p *plan, operation *graphql.OperationContext) *gqlerror.Error {
	if !p.checked {
		return nil
	}
	for _, definition := range operation.Operation.VariableDefinitions {
		value, ok := operation.Variables[definition.Variable]
		if !ok {
			continue
		}
		if err := r.checkValue(definition.Type, value); err != nil {
			return refusal(codeBadUserInput, fmt.Sprintf("variable $%s: %v", definition.Variable, err))
		}
	}
	for _, field := range p.pages {
		if err := checkPage(field, operation.Variables); err != nil {
			return err
		}
	}
	return nil
}

func checkPage(field *ast.Field, variables map[string]any) *gqlerror.Error {
	count := 0
	for _, argument := range field.Arguments {
		if !isPageSize(argument.Name) {
			continue
		}
		value, err := argument.Value.Value(variables)
		if err != nil || value == nil {
			continue
		}
		count++
		if size, err := strconv.Atoi(fmt.Sprint(value)); err != nil || !goodPageSize(size) {
			return refusal(codeBadUserInput, badPageSize(argument.Name))
		}
	}
	if count > 1 {
		return refusal(codeBadUserInput, "give first or last, not both")
	}
	return nil
}

// checkValue looks at a variable's value, whose shape was checked before.
func (r *Rules) checkValue(of *ast.Type, value any) error {
	if value == nil {
		return nil
	}
	if of.Elem != nil {
		return r.checkList(of.Elem, value)
	}
	definition := r.schema.Types[of.NamedType]
	switch definition.Kind {
	case ast.Enum:
		text, isText := value.(string)
		if !isText || !r.enums[definition.Name][text] {
			return fmt.Errorf("%w: %v is no %s", scalar.ErrScalar, value, definition.Name)
		}
	case ast.Scalar:
		return checkScalar(definition.Name, value)
	case ast.InputObject:
		fields, isObject := value.(map[string]any)
		if !isObject {
			return fmt.Errorf("%w: expected an object", scalar.ErrScalar)
		}
		for _, field := range definition.Fields {
			if err := r.checkValue(field.Type, fields[field.Name]); err != nil {
				return fmt.Errorf("%s: %w", field.Name, err)
			}
		}
	case ast.Object, ast.Interface, ast.Union: // no variable is of these
	}
	return nil
}

// checkList looks at a list, or at a single value in its place.
func (r *Rules) checkList(of *ast.Type, value any) error {
	list, isList := value.([]any)
	if !isList {
		return r.checkValue(of, value)
	}
	for i, element := range list {
		if err := r.checkValue(of, element); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
	}
	return nil
}

func checkScalar(name string, value any) error {
	var err error
	switch name {
	case "Decimal":
		_, err = scalar.UnmarshalDecimal(value)
	case "DateTime":
		_, err = scalar.UnmarshalDateTime(value)
	case "Duration":
		_, err = scalar.UnmarshalDuration(value)
	case "Int":
		err = checkInt(value)
	case "String":
		if _, isText := value.(string); !isText {
			err = fmt.Errorf("%w: expected a text", scalar.ErrScalar)
		}
	}
	return err
}

func checkInt(value any) error {
	var number int64
	var err error
	switch value := value.(type) {
	case int64:
		number = value
	case int:
		number = int64(value)
	case json.Number:
		number, err = value.Int64()
	default:
		err = scalar.ErrScalar
	}
	if err != nil || number < math.MinInt32 || number > math.MaxInt32 {
		return fmt.Errorf("%w: expected a whole number of 32 bits", scalar.ErrScalar)
	}
	return nil
}
