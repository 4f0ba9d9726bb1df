package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/task"
)

const (
	postTimeout = 10 * time.Second
	postReply   = 64 << 10 // bytes of an answer that are read, so that its connection can be used again
)

// Ping returns the handler of WEBHOOK_PING tasks: it posts a short message. The client must not follow redirects, and
// must see to where it may connect; the message carries nothing that proves who we are.
func Ping(client *http.Client, clock func() time.Time) Handler {
	return Each(func(ctx context.Context, t task.Task) (json.RawMessage, error) {
		ping, err := scheduling.PingOf(&t)
		if err != nil {
			return nil, refused("ping", err)
		}
		request, err := pingRequest(ctx, &t, ping, clock())
		if err != nil {
			return nil, &FailedError{Class: task.ErrorInput, Final: true, Err: fmt.Errorf("ping: %w", err)}
		}
		return post(client, request)
	})
}

func pingRequest(ctx context.Context, t *task.Task, ping scheduling.Ping, now time.Time) (*http.Request, error) {
	body, err := json.Marshal(map[string]any{
		"type": "ping", "schedule": t.Name, "slot": ping.Run.Slot.UTC().Format(time.RFC3339Nano), "run": ping.Run.Number,
	})
	if err != nil {
		return nil, fmt.Errorf("write message: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, ping.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "boostress")
	// The same for every try of one task, so that whoever gets it twice can tell.
	request.Header.Set("Webhook-Id", t.ID.String())
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	return request, nil
}

var errPing = errors.New("the address did not take the message")

func post(client *http.Client, request *http.Request) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(request.Context(), postTimeout)
	defer cancel()
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		class := task.ErrorConnection
		if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
			class = task.ErrorTimeout
		}
		return nil, &FailedError{Class: class, Err: fmt.Errorf("ping: %w", err)}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, postReply))
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		return nil, &FailedError{Class: task.ErrorProvider, Err: fmt.Errorf("%w: it answered %s", errPing, response.Status)}
	}
	return answer(map[string]any{"status": response.StatusCode})
}
