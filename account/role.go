package account

import "slices"

// Role says what a principal may do. Which field needs which role is declared in the schema.
type Role string

// The roles.
const (
	Admin      Role = "ADMIN"      // everything
	Operator   Role = "OPERATOR"   // orders, fulfillments, tasks, schedules
	Integrator Role = "INTEGRATOR" // places orders and reads them
	Viewer     Role = "VIEWER"     // reads
)

// Roles lists every role.
func Roles() []Role { return []Role{Admin, Operator, Integrator, Viewer} }

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return slices.Contains(Roles(), r) }

// Covers reports whether other allows nothing that r doesn't: what somebody may hand on. Each role covers itself, and
// integrators don't cover viewers, who read more than orders.
func (r Role) Covers(other Role) bool {
	if !r.Valid() || !other.Valid() {
		return false
	}
	switch r {
	case Admin:
		return true
	case Operator:
		return other != Admin
	case Integrator, Viewer:
		return other == r
	default:
		return false
	}
}
