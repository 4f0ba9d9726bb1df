package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// replay hands each line of the journal to load. What follows the last line feed was being written when the process
// died: nobody was answered yet, and it is left out.
func replay(path string, load func(line []byte) error) error {
	file, err := os.Open(path) //nolint:gosec // in the directory we were given
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	err = eachLine(file, load)
	return errors.Join(err, file.Close())
}

func eachLine(file io.Reader, load func(line []byte) error) error {
	reader := bufio.NewReaderSize(file, 1<<20)
	for number := 1; ; number++ {
		line, err := reader.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%w: line %d is too long", ErrJournal, number)
		case err != nil:
			return fmt.Errorf("read journal: %w", err)
		}
		if err := load(line); err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrJournal, number, err)
		}
	}
}

// rewrite puts what dump writes in the journal's place, all of it or nothing, and leaves it open for more.
func rewrite(path string, dump func(write func([]byte) error) error) (*os.File, error) {
	draft := path + ".new"
	file, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600) //nolint:gosec // as above
	if err != nil {
		return nil, fmt.Errorf("compact journal: %w", err)
	}
	writer := bufio.NewWriterSize(file, 1<<20)
	err = dump(func(line []byte) error {
		if _, err := writer.Write(line); err != nil {
			return fmt.Errorf("write line: %w", err)
		}
		return nil
	})
	if err == nil {
		err = writer.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("compact journal: %w", err), file.Close())
	}
	return file, nil
}
