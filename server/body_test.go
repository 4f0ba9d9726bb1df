package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/boostress/boostress/server"
)

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const most = 256 << 10
	body := func(size int) string {
		const frame = `{"query":"{who}","variables":{"x":""}}`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
	}
	for size, status := range map[int]int{most: 200, most + 1: 413, 10 << 20: 413} {
		if got := s.ask(t, http.MethodPost, "/graphql", body(size), "Content-Type", plainJSON); got.status != status {
			t.Errorf("%d bytes: got %d %.100s, want %d", size, got.status, got.text, status)
		}
		// The same without its length being told.
		unsized := io.MultiReader(strings.NewReader(body(size)))
		sent, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", unsized)
		if err != nil {
			t.Fatal(err)
		}
		sent.Header.Set("Content-Type", plainJSON)
		if size > 1<<20 {
			continue // the server hangs up before all of it is sent
		}
		got := do(t, s.Client(), sent)
		if got.status != status || status == http.StatusRequestEntityTooLarge && got.code() != "LIMIT_EXCEEDED" {
			t.Errorf("%d bytes in chunks: got %d %.100s, want %d", size, got.status, got.text, status)
		}
	}
	if ran := s.stub.ran.Load(); ran != 2 {
		t.Errorf("%d fields ran, want 2", ran)
	}
}

func rawPost(query string) string {
	body := `{"query":"` + query + `"}`
	return fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body)
}

func say(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(to, text); err != nil {
		t.Fatal(err)
	}
}

// readResponse reads one answer: its status, its body, and whether it is the connection's last.
func readResponse(t *testing.T, from *bufio.Reader) (status int, body string, last bool) {
	t.Helper()
	response, err := http.ReadResponse(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Close
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	r := run(t, func(o *server.Options) { o.Limits.Read = 30 * time.Millisecond })
	connection := dial(t, r.address)
	say(t, connection, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"query\":")
	status, text, last := readResponse(t, bufio.NewReader(connection))
	if status != http.StatusRequestTimeout || !strings.Contains(text, "TIMEOUT") || !last {
		t.Errorf("got %d %s", status, text)
	}
}

func TestConnectionIsReusedAfterABody(t *testing.T) {
	t.Parallel()
	r := run(t, func(o *server.Options) { o.Limits.Read = 50 * time.Millisecond })
	connection := dial(t, r.address)
	reader := bufio.NewReader(connection)
	ask := func() {
		say(t, connection, rawPost("{who}"))
		readResponse(t, reader)
	}
	ask()
	<-time.After(100 * time.Millisecond) // longer than a body may take
	ask()
}

func TestOperationOutlivesTheBodysDeadline(t *testing.T) {
	t.Parallel()
	r := run(t, func(o *server.Options) {
		o.Limits.Read = 20 * time.Millisecond
		o.Limits.Operation = 100 * time.Millisecond
	})
	if got := r.post(t, "{slow}", nil); got.code() != "TIMEOUT" {
		t.Errorf("got %d %s", got.status, got.text)
	}
}
