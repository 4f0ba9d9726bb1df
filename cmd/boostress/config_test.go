package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/boostress/boostress/internal/seal"
	"github.com/boostress/boostress/task"
)

func good() settings {
	return settings{
		stores:    stores{DatabaseURL: "postgres://u:p@db/boostress", RedisURL: "redis://cache:6379/0"},
		SecretKey: seal.GenerateKey(), DatabaseConns: 16, Term: 10 * time.Second, DrainTimeout: 15 * time.Second,
	}
}

func TestGoodSettings(t *testing.T) {
	t.Parallel()
	s := good()
	if err := s.check(); err != nil {
		t.Error(err)
	}
}

func TestBadSettingsNameEveryFault(t *testing.T) {
	t.Parallel()
	s := settings{
		stores:    stores{DatabaseURL: "mysql://user:hunter2@db", RedisURL: ""},
		SecretKey: "short", AllowedNetworks: []string{"10.0.0.0"}, TrustedProxies: []string{"x"},
		TrustedOrigins: []string{"shop.example.com"}, DatabaseConns: 1, Term: time.Millisecond,
		Slots:        map[string]int{"dispatch": -1, "mail": 3},
		DrainTimeout: time.Minute,
	}
	err := s.check()
	if !errors.Is(err, errSetting) {
		t.Fatalf("check() = %v, want errSetting", err)
	}
	for _, flag := range []string{
		"--database-url", "--redis-url", "--secret-key", "--allowed-networks", "--trusted-proxies", "--trusted-origins",
		"--database-conns", `--slots (BOOSTRESS_SLOTS): there is no queue "mail"`, "dispatch must be 0 to 4096", "--term", "--drain-timeout",
	} {
		if !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is not named in: %v", flag, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a password is repeated")
	}
}

func TestRolesAreChecked(t *testing.T) {
	t.Parallel()
	for roles, works := range map[string]bool{"api": true, "worker,scheduler": true, "api, worker": true, "boss": false} {
		c := serveCommand{Roles: strings.Split(roles, ",")}
		if err := c.checkRoles(); (err == nil) != works {
			t.Errorf("roles %q: %v", roles, err)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	environment := map[string]string{
		"DATABASE_URL_FILE": "/run/url", "REDIS_URL": "redis://a", "REDIS_URL_FILE": "/run/url", "BOOSTRESS_SECRET_KEY_FILE": "/gone",
	}
	lookup := func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
	read := func(path string) ([]byte, error) {
		if path == "/run/url" {
			return []byte("postgres://db\n"), nil
		}
		return nil, os.ErrNotExist
	}
	set := map[string]string{}
	err := readSecretFiles(lookup, read, func(name, value string) error { set[name] = value; return nil })
	if !errors.Is(err, errBothGiven) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err = %v, want both faults", err)
	}
	if diff := cmp.Diff(map[string]string{"DATABASE_URL": "postgres://db"}, set); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}

func TestKeptSecrets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	made := 0
	generate := func() string { made++; return "made up" }
	var first, second string
	given := "given"
	for _, secret := range []*string{&first, &second, &given} {
		if err := ensureSecret(path, secret, generate); err != nil {
			t.Fatal(err)
		}
	}
	if first != "made up" || second != "made up" || made != 1 {
		t.Errorf("first %q, second %q, made %d times", first, second, made)
	}
	kept, err := keptSecret(path)
	if err != nil || kept != "given" {
		t.Errorf("kept %q, %v; want the one that was given", kept, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	usual := map[task.Queue]int{task.QueueDispatch: 256, task.QueueStatus: 16, task.QueueSystem: 4}
	for name, tt := range map[string]struct {
		given string
		want  map[task.Queue]int // nil: refused
	}{
		"none given":     {"", usual},
		"one":            {"dispatch=64", map[task.Queue]int{task.QueueDispatch: 64, task.QueueStatus: 16, task.QueueSystem: 4}},
		"all":            {"dispatch=0,status=2,system=1", map[task.Queue]int{task.QueueDispatch: 0, task.QueueStatus: 2, task.QueueSystem: 1}},
		"nothing at all": {"dispatch=0,status=0,system=0", nil},
		"too many":       {"status=5000", nil},
		"unknown queue":  {"mail=3", nil},
		"no number":      {"status=many", nil},
		"no count":       {"status", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all commands
			parser, err := kong.New(&all, kong.Exit(func(int) {}))
			if err != nil {
				t.Fatal(err)
			}
			arguments := []string{"serve", "--secret-key", seal.GenerateKey(), "--database-url", "postgres://db", "--redis-url", "redis://r"}
			if tt.given != "" {
				arguments = append(arguments, "--slots", tt.given)
			}
			_, err = parser.Parse(arguments)
			if err == nil {
				err = all.Serve.check()
			}
			if (err == nil) != (tt.want != nil) {
				t.Fatalf("%q: %v", tt.given, err)
			}
			if tt.want != nil {
				if diff := cmp.Diff(tt.want, all.Serve.slots()); diff != "" {
					t.Errorf("%q (-want +got):\n%s", tt.given, diff)
				}
			}
		})
	}
}
