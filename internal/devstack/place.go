package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errNoDataDir is a mistake of the caller's.
var errNoDataDir = errors.New("no data directory given")

// place decides whom the servers run as and where the data is, and makes that folder.
func (s *Stack) place(ctx context.Context, opts Options) error {
	if opts.Ephemeral {
		return s.placeTemporary(ctx)
	}
	if opts.DataDir == "" {
		return errNoDataDir
	}
	dir, err := filepath.Abs(opts.DataDir)
	if err != nil {
		return fmt.Errorf("find data directory: %w", err)
	}
	as, err := serverAccount(dir)
	if err != nil {
		return err
	}
	if !as.canEnter(ctx, dir) {
		asked := dir
		dir = elsewhere(asked)
		if as, err = serverAccount(dir); err != nil {
			return err
		}
		if opts.Out != nil {
			_, err := fmt.Fprintf(opts.Out, "The data is kept in %s: the databases do not run as root, and the user %s can't enter %s.\n",
				dir, as.name, asked)
			if err != nil {
				return fmt.Errorf("tell where the data is: %w", err)
			}
		}
	}
	s.DataDir, s.as = dir, as
	if err := mkdirAll(dir, as.dirMode()); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	return nil
}

func (s *Stack) placeTemporary(ctx context.Context) error {
	as, err := serverAccount("")
	if err != nil {
		return err
	}
	base := os.TempDir()
	if !as.canEnter(ctx, base) {
		base = "/tmp"
	}
	if s.DataDir, err = os.MkdirTemp(base, "boostress-test-"); err != nil {
		return fmt.Errorf("make temporary data directory: %w", err)
	}
	s.as = as
	// Its owner may remove it: the guards do.
	if err := as.own(s.DataDir); err != nil {
		return errors.Join(err, os.RemoveAll(s.DataDir))
	}
	return nil
}

// mkdirAll makes a folder and those above it that are missing with exactly this mode: a strict umask would keep the
// servers' user out.
func mkdirAll(path string, mode fs.FileMode) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := mkdirAll(parent, mode); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err //nolint:wrapcheck // by the caller, once for all levels
	}
	return os.Chmod(path, mode) //nolint:wrapcheck // the same
}
