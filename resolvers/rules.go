package resolvers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/maypok86/otter/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/boostress/boostress/account"
)

// Rules is a gqlgen extension that refuses an operation before any of it runs: one that selects a field which the caller
// may not see, or that asks for a page or gives a value which can't be. What a document needs is found out once; a field
// without a rule is for nobody.
type Rules struct {
	schema *ast.Schema
	enums  map[string]map[string]bool // values by name of the enumeration
	plans  *otter.Cache[*ast.OperationDefinition, *plan]
}

// plansKept bounds the operations whose needs are remembered; about as many as there are parsed documents.
const plansKept = 2000

var (
	_ graphql.HandlerExtension        = (*Rules)(nil)
	_ graphql.OperationContextMutator = (*Rules)(nil)
)

// NewRules returns the rules that a schema declares by @allow and @public.
func NewRules(schema *ast.Schema) *Rules {
	plans := otter.Must(&otter.Options[*ast.OperationDefinition, *plan]{MaximumSize: plansKept})
	enums := make(map[string]map[string]bool)
	for name, definition := range schema.Types {
		if definition.Kind == ast.Enum {
			enums[name] = make(map[string]bool, len(definition.EnumValues))
			for _, value := range definition.EnumValues {
				enums[name][value.Name] = true
			}
		}
	}
	return &Rules{schema: schema, enums: enums, plans: plans}
}

// ExtensionName names the extension.
func (r *Rules) ExtensionName() string { return "Rules" }

// Validate accepts every schema: TestEveryFieldHasARule looks after ours.
func (r *Rules) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses the operation, or lets it pass.
func (r *Rules) MutateOperationContext(ctx context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	plan, known := r.plans.GetIfPresent(operation.Operation)
	if !known {
		plan = r.planOf(operation.Operation)
		r.plans.Set(operation.Operation, plan)
	}
	principal, authenticated := account.FromContext(ctx)
	if err := plan.admit(principal.Role, authenticated); err != nil {
		return err
	}
	if plan.fault != nil {
		return plan.fault
	}
	return r.checkVariables(plan, operation)
}

// rule says who may select a field.
type rule struct {
	public bool
	roles  []account.Role // in addition to nobody; empty: nobody
}

func (r rule) allows(role account.Role) bool { return r.public || slices.Contains(r.roles, role) }

// everyone is the rule of introspection: whoever has a credential.
func everyone() rule { return rule{roles: account.Roles()} }

// ruleOf returns a field's own rule, or else its type's; ok is false where there is none.
func ruleOf(object *ast.Definition, field *ast.FieldDefinition) (r rule, ok bool) {
	switch {
	case field.Name == "__typename":
		return rule{public: true}, true
	case strings.HasPrefix(field.Name, "__"), strings.HasPrefix(object.Name, "__"):
		return everyone(), true
	}
	if r, ok := declared(field.Directives); ok {
		return r, true
	}
	return declared(object.Directives)
}

func declared(directives ast.DirectiveList) (rule, bool) {
	if directives.ForName("public") != nil {
		return rule{public: true}, true
	}
	allow := directives.ForName("allow")
	if allow == nil {
		return rule{}, false
	}
	var r rule
	for _, role := range allow.Arguments.ForName("roles").Value.Children {
		r.roles = append(r.roles, account.Role(role.Value.Raw))
	}
	return r, true
}

// mayFetch reports whether a role may fetch objects of a type by their ids alone.
func (r *Rules) mayFetch(role account.Role, typeName string) bool {
	object := r.schema.Types[typeName]
	if object == nil {
		return false
	}
	needed, ok := declared(object.Directives)
	return ok && needed.allows(role)
}

// plan is what an operation needs, whoever runs it.
type plan struct {
	secret  string                  // a field that needs a credential, or ""
	barred  map[account.Role]string // a field that each role may not select
	fault   *gqlerror.Error         // what is wrong with its values
	pages   []*ast.Field            // with a page's size in a variable
	checked bool                    // whether its variables need to be looked at
}

func (p *plan) admit(role account.Role, authenticated bool) *gqlerror.Error {
	if !authenticated {
		if p.secret != "" {
			return refusal(codeUnauthenticated, "a credential is needed for "+p.secret)
		}
		return nil
	}
	if field := p.barred[role]; field != "" {
		return refusal(codeForbidden, fmt.Sprintf("the role %s may not select %s", role, field))
	}
	return nil
}

func (r *Rules) planOf(operation *ast.OperationDefinition) *plan {
	p := &plan{barred: make(map[account.Role]string), checked: len(operation.VariableDefinitions) > 0}
	r.walk(p, operation.SelectionSet, make(map[*ast.FragmentDefinition]bool))
	return p
}

// walk visits every field below a selection, those of fragments included; each fragment once.
func (r *Rules) walk(p *plan, selections ast.SelectionSet, seen map[*ast.FragmentDefinition]bool) {
	for _, selection := range selections {
		switch selection := selection.(type) {
		case *ast.Field:
			p.need(selection)
			p.checkField(selection)
			r.walk(p, selection.SelectionSet, seen)
		case *ast.InlineFragment:
			r.walk(p, selection.SelectionSet, seen)
		case *ast.FragmentSpread:
			if !seen[selection.Definition] {
				seen[selection.Definition] = true
				r.walk(p, selection.Definition.SelectionSet, seen)
			}
		}
	}
}

func (p *plan) need(field *ast.Field) {
	needed, _ := ruleOf(field.ObjectDefinition, field.Definition)
	name := field.ObjectDefinition.Name + "." + field.Name
	if !needed.public && p.secret == "" {
		p.secret = name
	}
	for _, role := range account.Roles() {
		if p.barred[role] == "" && !needed.allows(role) {
			p.barred[role] = name
		}
	}
}
