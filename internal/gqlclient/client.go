// Package gqlclient is a small GraphQL client over HTTP and graphql-transport-ws, for the demo, the bench and the
// tests: it speaks to a server from outside, as any integrator would.
package gqlclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ErrAnswered is returned when the server answered with errors.
var ErrAnswered = errors.New("server answered with errors")

// mostAnswer bounds an answer's size in bytes.
const mostAnswer = 64 << 20

// Client speaks to one server with one API key.
type Client struct {
	URL  string // of the endpoint, e.g. http://127.0.0.1:8080/graphql
	Key  string // API key; "": none
	HTTP *http.Client
}

// Error is one of an answer's errors.
type Error struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// Answer is a GraphQL answer. Data is what Do was asked to read into.
type Answer struct {
	Data   json.RawMessage `json:"data"`
	Errors []Error         `json:"errors"`
}

// Do runs a query or mutation and reads its data into result. It fails with ErrAnswered where the answer holds errors.
func (c *Client) Do(ctx context.Context, query string, variables map[string]any, result any) error {
	answer, _, err := c.Raw(ctx, query, variables)
	if err != nil {
		return err
	}
	if len(answer.Errors) > 0 {
		return fmt.Errorf("%w: %s", ErrAnswered, describe(answer.Errors))
	}
	if err := json.Unmarshal(answer.Data, result); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// Raw runs a query or mutation and returns the answer as it is, with the HTTP status.
func (c *Client) Raw(ctx context.Context, query string, variables map[string]any) (Answer, int, error) {
	var answer Answer
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return answer, 0, fmt.Errorf("write request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return answer, 0, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/graphql-response+json")
	if c.Key != "" {
		request.Header.Set("X-Api-Key", c.Key)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return answer, 0, fmt.Errorf("call server: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, mostAnswer))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return answer, response.StatusCode, fmt.Errorf("read answer: %w", err)
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return answer, response.StatusCode, fmt.Errorf("read answer (HTTP %d): %w", response.StatusCode, err)
	}
	return answer, response.StatusCode, nil
}

func describe(list []Error) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = one.Message
		if code, ok := one.Extensions["code"].(string); ok {
			texts[i] += " (" + code + ")"
		}
	}
	return strings.Join(texts, "; ")
}
