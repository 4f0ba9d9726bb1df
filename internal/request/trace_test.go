package request_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/boostress/boostress/internal/request"
)

const trace = "4bf92f3577b34da6a3ce929d0e0e4736"

func TestParseTraceparent(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"00-" + trace + "-00f067aa0ba902b7-01":       trace,
		"cc-" + trace + "-00f067aa0ba902b7-01-later": trace, // of a later version
		"": "", trace: "", "00-" + trace: "", "00-" + trace + "-00f067aa0ba902b7": "",
		"ff-" + trace + "-00f067aa0ba902b7-01":                   "",
		"0-" + trace + "-00f067aa0ba902b7-01":                    "",
		"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01": "",
		"00-" + strings.ToUpper(trace) + "-00f067aa0ba902b7-01":  "",
		"00-" + trace + "0-00f067aa0ba902b7-01":                  "",
		"00-" + trace[1:] + "-00f067aa0ba902b7-01":               "",
		"00-" + trace[1:] + "x-00f067aa0ba902b7-01":              "",
	} {
		if got := request.ParseTraceparent(header); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

func TestWithTrace(t *testing.T) {
	t.Parallel()
	within := request.WithTrace(t.Context(), trace)
	if got := request.TraceID(within); got != trace {
		t.Errorf("got %q", got)
	}
	if got := request.TraceID(request.WithTrace(within, "")); got != "" {
		t.Errorf("without: got %q", got)
	}
	var text bytes.Buffer
	log := slog.New(request.Log(slog.NewJSONHandler(&text, nil)))
	log.InfoContext(t.Context(), "outside")
	if strings.Contains(text.String(), "trace_id") {
		t.Errorf("outside: %s", &text)
	}
	log.InfoContext(within, "within")
	if !strings.Contains(text.String(), `"trace_id":"`+trace+`"`) {
		t.Errorf("within: %s", &text)
	}
}
