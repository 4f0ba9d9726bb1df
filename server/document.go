package server

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// document is what a client sent, parsed and found good for anybody. It is shared and never changed.
type document struct {
	query      *ast.QueryDocument
	operations []operation
}

// operation is one of a document's operations.
type operation struct {
	definition  *ast.OperationDefinition
	introspects bool // selects from the schema
}

// documents checks documents and remembers those that are good: parsing and validating costs more than most operations.
type documents struct {
	schema   *ast.Schema
	rules    *rules.Rules
	limits   Limits
	known    *otter.Cache[string, *document]
	outcomes *prometheus.CounterVec
}

// tokenWeight is about what a token weighs in memory once it is parsed, in bytes.
const tokenWeight = 256

func newDocuments(schema *ast.Schema, limits Limits, outcomes *prometheus.CounterVec) (*documents, error) {
	known, err := otter.New(&otter.Options[string, *document]{
		MaximumWeight: limits.Documents,
		Weigher: func(text string, _ *document) uint32 {
			tokens := min(len(text), limits.Tokens)                          // at most: a token has a character
			return uint32(min(len(text)+tokens*tokenWeight, math.MaxUint32)) //nolint:gosec // it fits now
		},
		Executor: func(work func()) { work() }, // no goroutine that outlives us
	})
	if err != nil {
		return nil, fmt.Errorf("make document cache: %w", err)
	}
	return &documents{schema: schema, rules: newRules(), limits: limits, known: known, outcomes: outcomes}, nil
}

// newRules are the rules of GraphQL, without the suggestions that would tell strangers what the schema holds.
func newRules() *rules.Rules {
	all := rules.NewDefaultRules()
	for _, silent := range []validator.Rule{
		rules.FieldsOnCorrectTypeRuleWithoutSuggestions, rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRuleWithoutSuggestions, rules.ScalarLeafsRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		all.RemoveRule(strings.TrimSuffix(silent.Name, "WithoutSuggestions"))
		all.AddRule(silent.Name, silent.RuleFunc)
	}
	return all
}

// get returns a document that has been parsed, is within the limits and valid, or what is wrong with it.
func (d *documents) get(text string) (*document, gqlerror.List) {
	if known, ok := d.known.GetIfPresent(text); ok {
		d.outcomes.WithLabelValues("remembered").Inc()
		return known, nil
	}
	fresh, list := d.check(text)
	if len(list) > 0 {
		d.outcomes.WithLabelValues("refused").Inc()
		return nil, list
	}
	d.outcomes.WithLabelValues("parsed").Inc()
	d.known.Set(text, fresh)
	return fresh, nil
}

// check looks at the cheap things first.
func (d *documents) check(text string) (*document, gqlerror.List) {
	if tooManyTokens(text, d.limits.Tokens) {
		return nil, gqlerror.List{fault(codeLimitExceeded, fmt.Sprintf("the document has more than %d tokens", d.limits.Tokens))}
	}
	query, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		return nil, parseFault(err)
	}
	if len(query.Operations) == 0 {
		return nil, gqlerror.List{fault(codeValidationFailed, "the document holds no operation")}
	}
	checked := &document{query: query}
	m := measurer{document: query, limits: d.limits, fragments: make(map[string]*size)}
	for _, definition := range query.Operations {
		measured, fault := m.operation(definition)
		if fault != nil {
			return nil, gqlerror.List{fault}
		}
		checked.operations = append(checked.operations, operation{definition: definition, introspects: measured.introspects})
	}
	if list := validator.ValidateWithRules(d.schema, query, d.rules); len(list) > 0 {
		return nil, recoded(list, codeValidationFailed)
	}
	return checked, nil
}

// parseFault says where a document breaks off, without the texts in it: they may be secrets.
func parseFault(err error) gqlerror.List {
	broken, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		return gqlerror.List{fault(codeParseFailed, "syntax error")}
	}
	for _, before := range []string{`String "`, "escape sequence: "} {
		if quoted := strings.Index(broken.Message, before); quoted >= 0 {
			broken.Message = broken.Message[:quoted+len(before)-2]
		}
	}
	return recoded(gqlerror.List{broken}, codeParseFailed)
}

// tooManyTokens counts tokens without comments, up to the first that is none: the parser will say what is wrong there.
func tooManyTokens(text string, most int) bool {
	if len(text) <= most {
		return false
	}
	reader := lexer.New(&ast.Source{Input: text})
	for count := 0; count <= most; {
		token, err := reader.ReadToken()
		if err != nil || token.Kind == lexer.EOF {
			return false
		}
		if token.Kind != lexer.Comment {
			count++
		}
	}
	return true
}

// choose returns the operation of a name, or the only one where no name is given.
func (d *document) choose(name string) (operation, *gqlerror.Error) {
	if name == "" && len(d.operations) == 1 {
		return d.operations[0], nil
	}
	if name == "" {
		return operation{}, fault(codeValidationFailed, "the document holds several operations: name one in operationName")
	}
	for _, operation := range d.operations {
		if operation.definition.Name == name {
			return operation, nil
		}
	}
	return operation{}, fault(codeValidationFailed, "the document holds no operation of that name")
}
