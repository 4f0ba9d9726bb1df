package devstack

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// What an error shows of a server's log.
const (
	tailBytes = 4 << 10
	tailLines = 12
)

// openLog opens the server's log to append to, after setting aside one that has grown too large.
func (s *Server) openLog() (*os.File, error) {
	path := s.logPath()
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("set old log aside: %w", err)
		}
	}
	// No link is followed: a root that writes must not be sent elsewhere by the user that the servers run as.
	flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE | syscall.O_NOFOLLOW
	file, err := os.OpenFile(path, flags, 0o600) //nolint:gosec // our own folder
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}

func size(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("read size of log: %w", err)
	}
	return info.Size(), nil
}

// tailOf returns the last lines of a log as the end of an error message, from an offset on. It returns nothing for a
// log that can't be read: the message tells its path.
func tailOf(path string, from int64) string {
	file, err := os.Open(path) //nolint:gosec // our own folder
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // only read from
	end, err := size(file)
	if err != nil {
		return ""
	}
	from = max(from, end-tailBytes)
	text, err := io.ReadAll(io.NewSectionReader(file, from, end-from))
	if err != nil || strings.TrimSpace(string(text)) == "" {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return ":\n  " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n  ")
}
