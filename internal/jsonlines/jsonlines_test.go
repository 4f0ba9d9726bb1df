package jsonlines_test

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/boostress/boostress/internal/jsonlines"
)

func read(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(packed)
	if err = errors.Join(err, packed.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWrite(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(folder, "x.jsonl.gz")
	errBroken := errors.New("broken")
	write := func(values []any, end error) (int, error) {
		return jsonlines.Write(path, func(row func(any) error) error {
			for _, value := range values {
				if err := row(value); err != nil {
					return err
				}
			}
			return end
		})
	}
	if _, err := write([]any{1}, errBroken); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := write([]any{func() {}}, nil); err == nil {
		t.Error("what is no JSON was written")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if count, err := write([]any{map[string]any{"a": "<&>"}, []int{1, 2}}, nil); err != nil || count != 2 {
		t.Errorf("wrote %d, %v", count, err)
	}
	if got, want := read(t, path), "{\"a\":\"<&>\"}\n[1,2]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := write(nil, errBroken); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if got := read(t, path); got == "" {
		t.Error("a write that failed touched what was there")
	}
	if count, err := write(nil, nil); err != nil || count != 0 || read(t, path) != "" {
		t.Errorf("wrote nothing: %d, %v", count, err)
	}
}
