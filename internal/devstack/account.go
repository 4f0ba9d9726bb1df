package devstack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// relocated is where data goes that the servers' user can't reach where it was meant to be.
const relocated = "/var/lib/boostress"

// account is whom the servers run as. Postgres refuses to run as root, and Redis has no need to.
type account struct {
	name     string
	uid, gid uint32
	drop     bool // we are root and become this user; otherwise the servers run as us
}

func (a account) credential() *syscall.Credential {
	if !a.drop {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// dirMode is the mode of the data directory itself: the servers' folders in it are their own, and they must get there.
func (a account) dirMode() fs.FileMode {
	if a.drop {
		return 0o711
	}
	return 0o700
}

// own makes path the account's.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give to user %s: %w", a.name, err)
	}
	return nil
}

// mkdir makes a folder of the account that others can't look into, or takes the one that is there.
func (a account) mkdir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return a.own(path)
}

// canEnter tells whether the account reaches dir, or the nearest folder above it that exists.
func (a account) canEnter(ctx context.Context, dir string) bool {
	if !a.drop {
		return true
	}
	for {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	try := exec.CommandContext(ctx, "/bin/sh", "-c", `cd -- "$1"`, "sh", dir) //nolint:gosec // the folder is an argument
	try.Dir = "/"
	try.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential()}
	return try.Run() == nil
}

// serverAccount picks whom the servers of a data directory run as: us, unless we are root. Then it is the owner of the
// data that is there, or an unprivileged user of the system. An empty dataDir has no data. It fails with ErrNoAccount.
func serverAccount(dataDir string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	if owned, ok := dataOwner(dataDir); ok {
		return owned, nil
	}
	for _, name := range []string{"postgres", "nobody", "daemon"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := parseID(found.Uid)
		if err != nil {
			return account{}, fmt.Errorf("look up user %s: %w", name, err)
		}
		gid, err := parseID(found.Gid)
		if err != nil {
			return account{}, fmt.Errorf("look up group of %s: %w", name, err)
		}
		return account{name: name, uid: uid, gid: gid, drop: true}, nil
	}
	return account{}, ErrNoAccount
}

// dataOwner returns who owns the cluster in a data directory, where there is one that is not root's.
func dataOwner(dataDir string) (account, bool) {
	if dataDir == "" {
		return account{}, false
	}
	info, err := os.Lstat(filepath.Join(dataDir, postgresFolder, clusterFolder))
	if err != nil {
		return account{}, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return account{}, false
	}
	name := strconv.FormatUint(uint64(stat.Uid), 10)
	if found, err := user.LookupId(name); err == nil {
		name = found.Username
	}
	return account{name: name, uid: stat.Uid, gid: stat.Gid, drop: true}, true
}

// parseID reads a user or group id, which some systems write as a negative number.
func parseID(text string) (uint32, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse id: %w", err)
	}
	return uint32(id), nil //nolint:gosec // -2 and 4294967294 are the same id
}

// elsewhere is the data directory that stands in for one which the servers' user can't reach.
func elsewhere(dataDir string) string {
	sum := sha256.Sum256([]byte(dataDir))
	return filepath.Join(relocated, hex.EncodeToString(sum[:4]))
}
