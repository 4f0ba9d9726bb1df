package server

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

const (
	// mostCounted is where counting stops: fragments that spread fragments could otherwise count beyond any number.
	mostCounted = 1 << 20
	// mostSelected bounds the fields between two braces, those of fragments included: validation compares each with each.
	mostSelected = 200
)

// size is how much a selection asks for, its fragments counted as often as they are spread.
type size struct {
	depth       int // of nested fields
	aliases     int
	fields      int  // on the first level
	introspects bool // selects __schema or __type on the first level
	plain       bool // selects anything else there but __typename
}

// measurer sizes the operations of a document that has been parsed and not yet validated: fragments may be missing, or
// spread each other in circles. Each fragment is measured once.
type measurer struct {
	document  *ast.QueryDocument
	limits    Limits
	fragments map[string]*size // nil: being measured
	widest    int              // the most fields between two braces
	deferred  *ast.Directive   // the first @defer; nil: none
}

// operation measures an operation and says which limit it is beyond.
func (m *measurer) operation(of *ast.OperationDefinition) (size, *gqlerror.Error) {
	measured := m.selections(of.SelectionSet)
	beyond := func(what string, most int) (size, *gqlerror.Error) {
		return measured, faultAt(codeLimitExceeded, fmt.Sprintf("the operation has %s than %d", what, most), of.Position)
	}
	switch {
	case m.deferred != nil:
		return measured, faultAt(codeValidationFailed, "@defer is not supported", m.deferred.Position)
	case measured.depth > m.limits.Depth && (measured.plain || !measured.introspects):
		return beyond("more nested levels", m.limits.Depth)
	case measured.aliases > m.limits.Aliases:
		return beyond("more aliases", m.limits.Aliases)
	case measured.fields > m.limits.RootFields:
		return beyond("more fields on its first level", m.limits.RootFields)
	case m.widest > mostSelected:
		return beyond("more fields on one level", mostSelected)
	}
	return measured, nil
}

func (m *measurer) selections(set ast.SelectionSet) size {
	var sum size
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			m.field(&sum, selection)
		case *ast.InlineFragment:
			m.look(selection.Directives)
			sum.add(m.selections(selection.SelectionSet))
		case *ast.FragmentSpread:
			m.look(selection.Directives)
			sum.add(m.fragment(selection.Name))
		}
	}
	m.widest = max(m.widest, sum.fields)
	return sum
}

func (m *measurer) field(sum *size, field *ast.Field) {
	below := m.selections(field.SelectionSet)
	sum.depth = max(sum.depth, below.depth+1)
	sum.aliases = min(sum.aliases+below.aliases, mostCounted)
	if field.Alias != field.Name {
		sum.aliases++
	}
	sum.fields++
	switch field.Name {
	case "__schema", "__type":
		sum.introspects = true
	case "__typename":
	default:
		sum.plain = true
	}
}

// fragment measures a fragment. One that is spread within itself measures nothing there: validation refuses it.
func (m *measurer) fragment(name string) size {
	if known, met := m.fragments[name]; met {
		if known == nil {
			return size{}
		}
		return *known
	}
	m.fragments[name] = nil
	var measured size
	if definition := m.document.Fragments.ForName(name); definition != nil {
		measured = m.selections(definition.SelectionSet)
	}
	m.fragments[name] = &measured
	return measured
}

// look notes @defer. It promises an answer in parts, which no transport here sends yet; gqlgen would start what nobody
// waits for.
func (m *measurer) look(directives ast.DirectiveList) {
	if m.deferred == nil {
		m.deferred = directives.ForName("defer")
	}
}

func (s *size) add(other size) {
	s.depth = max(s.depth, other.depth)
	s.aliases = min(s.aliases+other.aliases, mostCounted)
	s.fields = min(s.fields+other.fields, mostCounted)
	s.introspects = s.introspects || other.introspects
	s.plain = s.plain || other.plain
}
