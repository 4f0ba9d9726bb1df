package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
)

// Errors of the journal.
var (
	ErrInUse   = errors.New("the ledger is in use by another process")
	ErrJournal = errors.New("the ledger's journal can't be read")
)

const (
	journalName = "sandbox-ledger.jsonl"
	lockName    = "sandbox-ledger.lock"
	keptBuffer  = 1 << 20 // bytes; larger ones are left to the garbage collector
)

// journal keeps the ledger on disk, a line for each change. Lines that came while the last ones were being written
// are written together. It outlives the process, not the machine: nothing waits for the disk.
//
// A nil journal keeps nothing. A journal that could not write once fails from then on: what it has is consistent, and
// the line after a torn one would be lost.
type journal struct {
	file *os.File
	lock *os.File

	written atomic.Uint64 // position up to which lines are with the operating system

	mu       sync.Mutex
	done     sync.Cond // a write ended
	lines    []byte    // what is to be written; at most a batch and one line per request in flight
	spare    []byte
	position uint64 // of the last line
	writing  bool
	err      error
}

// append adds a line, which wait makes durable. The function writes it after buf, with its line feed.
func (j *journal) append(line func(buf []byte) []byte) uint64 {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = line(j.lines)
	j.position++
	return j.position
}

func (j *journal) order(e *entry) uint64 {
	return j.append(e.appendRecord)
}

// wait returns when the operating system has every line up to the position.
func (j *journal) wait(position uint64) error {
	if j == nil || j.written.Load() >= position {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.written.Load() < position && j.err == nil {
		if j.writing {
			j.done.Wait()
			continue
		}
		j.write()
	}
	if j.written.Load() >= position {
		return nil
	}
	return j.err
}

// write hands all lines over, without holding the lock meanwhile.
func (j *journal) write() {
	lines, position := j.lines, j.position
	j.lines, j.spare, j.writing = j.spare[:0], nil, true
	j.mu.Unlock()
	_, err := j.file.Write(lines)
	j.mu.Lock()
	j.writing = false
	if cap(lines) <= keptBuffer {
		j.spare = lines
	}
	if err != nil {
		j.err = fmt.Errorf("write journal: %w", err)
	} else {
		j.written.Store(position)
	}
	j.done.Broadcast()
}

// flush writes what is left.
func (j *journal) flush() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	position := j.position
	j.mu.Unlock()
	return j.wait(position)
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return errors.Join(j.flush(), j.file.Close(), unlockFile(j.lock))
}

// openJournal takes the directory for this process, hands every line of the journal in it to load, and writes what
// dump appends, which is the same in fewer lines, in place of it. It fails with ErrInUse and ErrJournal.
func openJournal(dir string, load func(line []byte) error, dump func(write func([]byte) error) error) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of the ledger: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, journalName)
	if err := replay(path, load); err != nil {
		return nil, errors.Join(err, unlockFile(lock))
	}
	file, err := rewrite(path, dump)
	if err != nil {
		return nil, errors.Join(err, unlockFile(lock))
	}
	j := &journal{file: file, lock: lock}
	j.done.L = &j.mu
	return j, nil
}

// lockFile holds the lock until unlockFile; the system frees it when the process dies.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in the directory we were given
	if err != nil {
		return nil, fmt.Errorf("open lock of the ledger: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s", ErrInUse, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock ledger: %w", err), file.Close())
	}
	return file, nil
}

// unlockFile frees the lock by name, not only by closing the file: a child that this process is starting at this moment
// still has the file open, until it runs its own program.
func unlockFile(lock *os.File) error {
	return errors.Join(syscall.Flock(int(lock.Fd()), syscall.LOCK_UN), lock.Close())
}
