package sandbox_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/boostress/boostress/providerapi/sandbox"
)

const clients = 32

// BenchmarkCreate places orders over HTTP, from 32 connections, with the journal. The client, which is as small as can
// be, is part of what is measured. Run it with -cpu 1 for the figure of one core.
func BenchmarkCreate(b *testing.B) {
	for name, behavior := range map[string]sandbox.Behavior{
		"instant": {Instant: true},
		"progressing": {
			AcceptMS: sandbox.Span{Min: 5, Max: 20}, ProgressMS: sandbox.Span{Min: 5, Max: 20}, NoWebhooks: true,
		},
	} {
		b.Run(name, func(b *testing.B) {
			c := startedIn(b, b.TempDir(), behavior)
			var next atomic.Int64
			busy := processorTime(b)
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for range clients {
				all.Go(func() {
					if err := c.placeMany(&next, int64(b.N)); err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
			b.ReportMetric(float64((processorTime(b)-busy).Nanoseconds())/float64(b.N), "cpu-ns/op")
			if stats := c.server.Stats(); stats.Orders != b.N || stats.DuplicateKeys != 0 {
				b.Errorf("%d creates, %+v", b.N, stats)
			}
		})
	}
}

// processorTime is what this process has used, which a busy machine does not change.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// placeMany creates orders over one connection until limit were created.
func (c *bench) placeMany(next *atomic.Int64, limit int64) error {
	connection, err := (&net.Dialer{}).DialContext(c.t.Context(), "tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	reader := bufio.NewReader(connection)
	head := "POST /" + slug + "/v1/orders HTTP/1.1\r\nHost: sandbox\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
		c.apiKey + "\r\nContent-Length: " + strconv.Itoa(len(poster)) + "\r\nIdempotency-Key: bench-"
	var request []byte
	for {
		number := next.Add(1)
		if number > limit {
			return nil
		}
		request = append(strconv.AppendInt(append(request[:0], head...), number, 10), "\r\n\r\n"+poster...)
		if _, err := connection.Write(request); err != nil {
			return err
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if err := response.Body.Close(); err != nil {
			return err
		}
		if response.StatusCode != http.StatusCreated {
			c.t.Errorf("HTTP %d", response.StatusCode)
		}
	}
}
