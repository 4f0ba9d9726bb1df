package providerapi_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

func local(t *testing.T) *http.Client {
	t.Helper()

	client := providerapi.NewHTTPClient(providerapi.Guard{Allow: providerapi.Loopback()})
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()

	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// write answers; a client that is gone already is part of some tests.
func write(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

func post(ctx context.Context, t *testing.T, client *http.Client, address string) (providerapi.Reply, error) {
	t.Helper()

	request, err := providerapi.NewRequest(ctx, http.MethodPost, address, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Idempotency-Key", "key")
	return providerapi.Call(client, request)
}

func classified(t *testing.T, err error) *providerapi.Error {
	t.Helper()

	classified, ok := errors.AsType[*providerapi.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	return classified
}

func TestCallReturnsAnyAnswer(t *testing.T) {
	t.Parallel()

	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
		w.WriteHeader(http.StatusTeapot)
		write(w, "short and stout")
	})
	reply, err := post(t.Context(), t, local(t), address)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Release()
	if reply.Status != http.StatusTeapot || string(reply.Body) != "short and stout" || reply.Header.Get("X-Length") != "7" {
		t.Errorf("got %d %q %v", reply.Status, reply.Body, reply.Header)
	}
}

func TestCallFollowsNoRedirect(t *testing.T) {
	t.Parallel()

	var calls atomic.Int32
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	reply, err := post(t.Context(), t, local(t), address)
	if err != nil || reply.Status != http.StatusTemporaryRedirect || calls.Load() != 1 {
		t.Errorf("got %d after %d calls, %v", reply.Status, calls.Load(), err)
	}
}

func TestCallClassifiesWhatBringsNoAnswer(t *testing.T) {
	t.Parallel()

	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}

	tests := map[string]struct {
		gaveUp  bool
		address string
		handler http.HandlerFunc
		client  *http.Client
		want    order.Class
		status  int
		says    string
	}{
		"nobody listens":            {address: nobody, want: order.ClassRetryable, says: "refused"},
		"given up before connected": {gaveUp: true, address: nobody, want: order.ClassRetryable, says: "given up"},
		"no such scheme":            {address: "file:///etc/hostname", want: order.ClassRetryable, says: "unsupported protocol scheme"},
		"closed without an answer": {
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			want:    order.ClassUnknown, says: "closed before the answer",
		},
		"no answer in time": {
			handler: func(_ http.ResponseWriter, r *http.Request) {
				// Only once the body was read does the server notice that the client is gone.
				_, _ = io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
			},
			want: order.ClassUnknown, says: "in time",
		},
		"truncated answer": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				write(w, "{")
			},
			want: order.ClassUnknown, status: http.StatusOK, says: "closed before the answer",
		},
		"answer without end": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				for range providerapi.MaxReply/1024 + 1 {
					write(w, strings.Repeat("x", 1024))
				}
			},
			want: order.ClassUnknown, status: http.StatusOK, says: "larger than",
		},
		"network that is not allowed": {
			handler: func(http.ResponseWriter, *http.Request) {},
			client:  providerapi.NewHTTPClient(providerapi.Guard{}),
			want:    order.ClassNeedsAction, says: "not allowed",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			client, address := tt.client, tt.address
			if client == nil {
				client = local(t)
			}
			if address == "" {
				address = serve(t, tt.handler)
			}
			patience := 20 * time.Second
			if name == "no answer in time" {
				patience = 50 * time.Millisecond
			}
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			if tt.gaveUp {
				stop()
			}
			_, err := post(ctx, t, client, address)
			got := classified(t, err)
			if got.Class != tt.want || got.Status != tt.status || !strings.Contains(got.Message, tt.says) {
				t.Errorf("got %s %d %q, want %s %d %q", got.Class, got.Status, got.Message, tt.want, tt.status, tt.says)
			}
			if strings.Contains(err.Error(), address) {
				t.Errorf("the message tells the address: %v", err)
			}
		})
	}
}

func TestPlainTextWhereTLSIsExpectedIsRetryable(t *testing.T) {
	t.Parallel()

	address := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the request arrived") })
	_, err := post(t.Context(), t, local(t), strings.Replace(address, "http:", "https:", 1))
	if got := classified(t, err); got.Class != order.ClassRetryable {
		t.Errorf("got %v", got)
	}
}

// The HTTP client would send a request with an Idempotency-Key again when a kept connection closes under it.
func TestCallSendsNothingTwice(t *testing.T) {
	t.Parallel()

	var calls atomic.Int32
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		write(w, "{}")
	})
	client := local(t)
	if _, err := post(t.Context(), t, client, address); err != nil {
		t.Fatal(err)
	}
	_, err := post(t.Context(), t, client, address)
	if got := classified(t, err); got.Class != order.ClassUnknown || calls.Load() != 2 {
		t.Errorf("got %v after %d calls, want UNKNOWN after 2", got, calls.Load())
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()

	private := netip.MustParsePrefix("10.1.0.0/16")
	tests := map[string]struct {
		allow   []netip.Prefix
		address string
		blocked bool
	}{
		"loopback":               {nil, "http://127.0.0.1:1/", true},
		"loopback by name":       {nil, "http://localhost:1/", true},
		"loopback of version 6":  {nil, "http://[::1]:1/", true},
		"mapped loopback":        {nil, "http://[::ffff:127.0.0.1]:1/", true},
		"loopback in one number": {nil, "http://2130706433:1/", true},
		"short loopback":         {nil, "http://127.1:1/", true},
		"any address":            {nil, "http://0.0.0.0:1/", true},
		"link-local":             {nil, "http://169.254.169.254/", true},
		"private":                {nil, "http://192.168.1.1/", true},
		"mapped private":         {nil, "http://[::ffff:10.0.0.1]/", true},
		"unique local":           {nil, "http://[fd00::1]/", true},
		"outside what is open":   {[]netip.Prefix{private}, "http://10.2.0.1/", true},
		"open loopback":          {providerapi.Loopback(), "http://127.0.0.1:1/", false},
		"open mapped loopback":   {providerapi.Loopback(), "http://[::ffff:127.0.0.1]:1/", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := post(t.Context(), t, providerapi.NewHTTPClient(providerapi.Guard{Allow: tt.allow}), tt.address)
			got := classified(t, err)
			// A spelling that no resolver takes for an address reaches nothing either.
			blocked := got.Class == order.ClassNeedsAction || strings.Contains(got.Message, "no such host") ||
				strings.Contains(got.Message, "server misbehaving") || strings.Contains(got.Message, "lookup")
			if blocked != tt.blocked {
				t.Errorf("blocked %t, want %t: %v", blocked, tt.blocked, got)
			}
		})
	}
}
