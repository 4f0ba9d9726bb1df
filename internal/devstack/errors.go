package devstack

import "errors"

// What a person can do something about; the message says what.
var (
	// ErrNotInstalled is returned when a server's programs are missing or too old.
	ErrNotInstalled = errors.New("not installed")
	// ErrOtherVersion is returned for a data directory that needs a version of Postgres which is not installed.
	ErrOtherVersion = errors.New("data directory was made by another version of Postgres")
	// ErrInUse is returned when another process runs servers in the same data directory.
	ErrInUse = errors.New("data directory is in use")
	// ErrForeign is returned for a folder where the data should be that holds something else.
	ErrForeign = errors.New("folder holds something else than a Postgres cluster")
	// ErrNoAccount is returned to root on a system without an unprivileged user.
	ErrNoAccount = errors.New("servers do not run as root, and there is no user postgres, nobody or daemon:" +
		" make one, or start as another user than root")
)

// What calls on a Server fail with, and what ends a Stack.
var (
	// ErrDied is what Stack.Err returns when a server ended that nobody had asked to.
	ErrDied = errors.New("server died")
	// ErrRunning is returned by Server.Start for a server that runs.
	ErrRunning = errors.New("server is running")
	// ErrStopped is returned for a server that does not run, or a Stack that was closed.
	ErrStopped = errors.New("server is not running")
)
