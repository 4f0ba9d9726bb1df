package account

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
