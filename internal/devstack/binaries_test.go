package devstack_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/boostress/boostress/internal/devstack"
)

func TestChoosePostgres(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for folder, version := range map[string]string{
		"13": "postgres (PostgreSQL) 13.21", "15": "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
		"17": "postgres (PostgreSQL) 17rc1", "19": "postgres (PostgreSQL) 19beta2",
	} {
		program(t, filepath.Join(root, folder, "bin", "postgres"), version)
		program(t, filepath.Join(root, folder, "bin", "initdb"), version)
	}
	program(t, filepath.Join(root, "20", "bin", "postgres"), "postgres (PostgreSQL) 20.1") // and no initdb
	write(t, filepath.Join(root, "21", "bin", "postgres"), "not a program")
	if err := os.Symlink(filepath.Join(root, "15", "bin", "postgres"), filepath.Join(root, "postgres")); err != nil {
		t.Fatal(err)
	}

	all := []string{root + "/*/bin"}
	tests := map[string]struct {
		path    string
		folders []string
		version int
		want    string
		err     error
		says    string
	}{
		"the newest":          {folders: all, want: "19"},
		"the one of the data": {folders: all, version: 15, want: "15"},
		"a link on the PATH":  {path: "bin:" + root, want: "15"},
		"none of the data's":  {folders: all, version: 16, err: devstack.ErrOtherVersion, says: "install Postgres 16"},
		"too old":             {folders: []string{root + "/13/bin"}, err: devstack.ErrNotInstalled, says: "found 13 in " + root},
		"none":                {path: root + "/nowhere", err: devstack.ErrNotInstalled, says: "found none"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := devstack.ChoosePostgres(t.Context(), test.path, test.folders, test.version)
			checkChoice(t, got, err, test.err, test.says)
			if test.want != "" && got != filepath.Join(root, test.want, "bin", "postgres") {
				t.Errorf("got %q, want %s", got, test.want)
			}
		})
	}
}

func TestChooseRedis(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	program(t, filepath.Join(root, "old", "redis-server"), "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
	program(t, filepath.Join(root, "new", "redis-server"), "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")
	program(t, filepath.Join(root, "valkey", "valkey-server"), "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0")
	tests := map[string]struct {
		path string
		want string
		err  error
		says string
	}{
		"new enough":       {path: root + "/old:" + root + "/new", want: "new/redis-server"},
		"Valkey":           {path: root + "/old:" + root + "/valkey", want: "valkey/valkey-server"},
		"too old, no more": {path: root + "/old", err: devstack.ErrNotInstalled, says: "found 6 in"},
		"none":             {path: root, err: devstack.ErrNotInstalled, says: "scripts/install-deps.sh run"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := devstack.ChooseRedis(t.Context(), test.path, nil)
			checkChoice(t, got, err, test.err, test.says)
			if test.want != "" && got != filepath.Join(root, test.want) {
				t.Errorf("got %q, want %s", got, test.want)
			}
		})
	}
}

func checkChoice(t *testing.T, got string, err, want error, says string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %q and %v, want %v", got, err, want)
	}
	if want != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("%q does not say %q", err, says)
	}
}

// program makes one that tells a version.
func program(t *testing.T, path, version string) {
	t.Helper()
	write(t, path, "#!/bin/sh\necho '"+version+"'\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
}
