package devstack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const (
	postgresMin = 14
	redisMin    = 7

	install = "run scripts/install-deps.sh run, as `make run` does"
)

// Where package managers put Postgres off the PATH; scripts/install-deps.sh looks in the same folders.
var postgresFolders = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/libexec/postgresql*",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin",
}

var redisFolders = []string{
	"/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin",
}

// binary is an installed program and the major version that it tells of itself.
type binary struct {
	path  string
	major int
}

// postgresBinaries lists the servers that are here with their initdb, each major version once, in the order found.
func postgresBinaries(ctx context.Context, path string, folders []string) []binary {
	var found []binary
	for _, candidate := range candidates(path, folders, "postgres") {
		if _, err := os.Stat(filepath.Join(filepath.Dir(candidate), "initdb")); err != nil {
			continue
		}
		if major, ok := majorVersion(ctx, candidate); ok && atVersion(found, major) == nil {
			found = append(found, binary{path: candidate, major: major})
		}
	}
	return found
}

// choosePostgres picks the newest of the servers found, or the one of version where the data needs that one.
// It fails with ErrNotInstalled or ErrOtherVersion.
func choosePostgres(found []binary, version int, dataDir string) (binary, error) {
	newest := binary{}
	for _, one := range found {
		if one.major > newest.major {
			newest = one
		}
	}
	if newest.major < postgresMin {
		return binary{}, fmt.Errorf("%w: Postgres %d or later is needed, found %s (on the PATH and in %s): %s",
			ErrNotInstalled, postgresMin, versions(found), strings.Join(postgresFolders, ", "), install)
	}
	if version == 0 {
		return newest, nil
	}
	if made := atVersion(found, version); made != nil {
		return *made, nil
	}
	return binary{}, fmt.Errorf("%w: %s needs Postgres %d and installed is %s: install Postgres %d,"+
		" or move %s away to start with an empty database", ErrOtherVersion, dataDir, version, versions(found), version, dataDir)
}

// chooseRedis finds a Redis or Valkey that is new enough. It fails with ErrNotInstalled.
func chooseRedis(ctx context.Context, path string, folders []string) (binary, error) {
	var old []binary
	for _, name := range []string{"redis-server", "valkey-server"} {
		for _, candidate := range candidates(path, folders, name) {
			major, ok := majorVersion(ctx, candidate)
			switch {
			case !ok:
			case major >= redisMin:
				return binary{path: candidate, major: major}, nil
			default:
				old = append(old, binary{path: candidate, major: major})
			}
		}
	}
	return binary{}, fmt.Errorf("%w: Redis %d or later or Valkey is needed, found %s (on the PATH and in %s): %s",
		ErrNotInstalled, redisMin, versions(old), strings.Join(folders, ", "), install)
}

// candidates lists the programs of a name on a PATH and in folders, which may be patterns, links followed.
func candidates(path string, folders []string, name string) []string {
	var list []string
	seen := map[string]bool{}
	for _, pattern := range append(filepath.SplitList(path), folders...) {
		matches, err := filepath.Glob(filepath.Join(pattern, name))
		if err != nil || !filepath.IsAbs(pattern) {
			continue // the PATH of a person may hold anything
		}
		for _, match := range matches {
			target, err := filepath.EvalSymlinks(match)
			if err != nil || seen[target] || !executable(target) {
				continue
			}
			seen[target] = true
			list = append(list, programPath(match, target))
		}
	}
	return list
}

// programPath follows links for Postgres, which lie beside the rest of it, and keeps the name for Redis, which some
// packages link to a program that looks at the name it was called by.
func programPath(match, target string) string {
	if filepath.Base(match) == filepath.Base(target) {
		return target
	}
	return match
}

func executable(path string) bool {
	info, err := os.Stat(path) //nolint:gosec // the PATH is the person's
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// The first number is the major version in "postgres (PostgreSQL) 15.18", "Redis server v=7.0.15 sha=…" and
// "Valkey server v=8.1.1 …", and in "postgres (PostgreSQL) 19beta1".
var firstNumber = regexp.MustCompile(`\d+`)

func majorVersion(ctx context.Context, program string) (int, bool) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return 0, false
	}
	major, err := strconv.Atoi(firstNumber.FindString(string(out)))
	return major, err == nil
}

func atVersion(found []binary, major int) *binary {
	for i := range found {
		if found[i].major == major {
			return &found[i]
		}
	}
	return nil
}

func versions(found []binary) string {
	if len(found) == 0 {
		return "none"
	}
	var list []string
	for _, one := range found {
		list = append(list, fmt.Sprintf("%d in %s", one.major, filepath.Dir(one.path)))
	}
	return strings.Join(list, ", ")
}
