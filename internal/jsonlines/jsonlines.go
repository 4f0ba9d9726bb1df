// Package jsonlines writes files of JSON values, one a line, compressed. A file appears whole or not at all.
package jsonlines

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	folderMode = 0o750
	bufferSize = 64 << 10
)

// Write makes the file at path, in the place of one that is there, of the values that rows gives to its argument, and
// returns how many there are. It is on the disk when Write returns; whatever fails, or ends the process, leaves path as it
// was. Folders are made.
func Write(path string, rows func(row func(value any) error) error) (count int, err error) {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return 0, fmt.Errorf("make folder: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return 0, fmt.Errorf("make file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
	}()
	if count, err = fill(file, rows); err != nil {
		return 0, err
	}
	if err := file.Sync(); err != nil {
		return 0, fmt.Errorf("flush file: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return 0, fmt.Errorf("name file: %w", err)
	}
	if err := flush(filepath.Dir(path)); err != nil {
		return 0, err
	}
	if err := file.Close(); err != nil {
		return 0, fmt.Errorf("close file: %w", err)
	}
	return count, nil
}

func fill(file *os.File, rows func(row func(any) error) error) (count int, err error) {
	buffered := bufio.NewWriterSize(file, bufferSize)
	packed := gzip.NewWriter(buffered)
	encoder := json.NewEncoder(packed)
	encoder.SetEscapeHTML(false)
	err = rows(func(value any) error {
		count++
		if err := encoder.Encode(value); err != nil {
			return fmt.Errorf("write row: %w", err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if err := errors.Join(packed.Close(), buffered.Flush()); err != nil {
		return 0, fmt.Errorf("write file: %w", err)
	}
	return count, nil
}

// flush has the name of a new file on the disk.
func flush(folder string) error {
	opened, err := os.Open(folder) //nolint:gosec // ours
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	return errors.Join(opened.Sync(), opened.Close())
}
