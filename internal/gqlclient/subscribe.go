package gqlclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// ErrClosed is what a subscription ends with when the server closed the socket; the message holds code and reason.
var ErrClosed = errors.New("server closed the socket")

const (
	subprotocol      = "graphql-transport-ws"
	writeTimeout     = 5 * time.Second
	handshakeTimeout = 10 * time.Second
)

// Socket is one websocket connection, which any number of subscriptions share.
type Socket struct {
	conn *websocket.Conn

	mu       sync.Mutex // guards writes and what follows
	subs     map[string]*Subscription
	nextID   int
	err      error
	done     chan struct{} // closed when the reader has ended
	quit     chan struct{} // closed by Close
	quitting sync.Once
}

// Subscription is one running operation. Next has its results until Err says why it ended.
type Subscription struct {
	// Next receives the data of each result. It is closed when the subscription ends.
	Next   chan json.RawMessage
	id     string
	socket *Socket
	err    error
}

type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Dial opens a socket and waits until the server has accepted the key.
func (c *Client) Dial(ctx context.Context) (*Socket, error) {
	dialer := websocket.Dialer{Subprotocols: []string{subprotocol}, HandshakeTimeout: handshakeTimeout}
	address := "ws" + strings.TrimPrefix(c.URL, "http")
	conn, response, err := dialer.DialContext(ctx, address, http.Header{})
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	// The dialer has taken the body over; closing it is a formality.
	_ = response.Body.Close()
	s := &Socket{conn: conn, subs: map[string]*Subscription{}, done: make(chan struct{}), quit: make(chan struct{})}
	if err := s.begin(c.Key); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go s.read()
	return s, nil
}

func (s *Socket) begin(key string) error {
	payload, err := json.Marshal(map[string]string{"X-API-Key": key})
	if err != nil {
		return fmt.Errorf("write connection_init: %w", err)
	}
	if err := s.send(message{Type: "connection_init", Payload: payload}); err != nil {
		return err
	}
	var ack message
	if err := s.conn.ReadJSON(&ack); err != nil {
		return fmt.Errorf("wait for connection_ack: %w", closed(err))
	}
	if ack.Type != "connection_ack" {
		return fmt.Errorf("%w: %s instead of connection_ack", ErrAnswered, ack.Type)
	}
	return nil
}

// Subscribe starts an operation; buffer is how many results may wait in Next before the socket stops being read.
func (s *Socket) Subscribe(query string, variables map[string]any, buffer int) (*Subscription, error) {
	payload, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, fmt.Errorf("write subscribe: %w", err)
	}
	s.mu.Lock()
	s.nextID++
	sub := &Subscription{Next: make(chan json.RawMessage, buffer), id: strconv.Itoa(s.nextID), socket: s}
	s.subs[sub.id] = sub
	s.mu.Unlock()
	return sub, s.send(message{ID: sub.id, Type: "subscribe", Payload: payload})
}

// Stop ends the subscription at the server.
func (sub *Subscription) Stop() error { return sub.socket.send(message{ID: sub.id, Type: "complete"}) }

// Err says why Next was closed: nil when the server completed it.
func (sub *Subscription) Err() error {
	sub.socket.mu.Lock()
	defer sub.socket.mu.Unlock()
	return sub.err
}

// Close closes the socket and waits for its reader.
func (s *Socket) Close() error {
	s.quitting.Do(func() { close(s.quit) })
	err := s.conn.Close()
	<-s.done
	if err != nil {
		return fmt.Errorf("close socket: %w", err)
	}
	return nil
}

// Err waits until the socket is closed and says why.
func (s *Socket) Err() error {
	<-s.done
	return s.err
}

func (s *Socket) send(m message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("write %s: %w", m.Type, err)
	}
	if err := s.conn.WriteJSON(m); err != nil {
		return fmt.Errorf("write %s: %w", m.Type, closed(err))
	}
	return nil
}

// read hands out what the server sends until the socket closes.
func (s *Socket) read() {
	defer close(s.done)
	for {
		var m message
		if err := s.conn.ReadJSON(&m); err != nil {
			s.err = closed(err)
			s.mu.Lock()
			for id := range s.subs {
				s.end(id, s.err)
			}
			s.mu.Unlock()
			return
		}
		s.take(m)
	}
}

func (s *Socket) take(m message) {
	switch m.Type {
	case "next":
		s.next(m)
	case "error":
		var list []Error
		err := json.Unmarshal(m.Payload, &list)
		s.mu.Lock()
		s.end(m.ID, errors.Join(err, fmt.Errorf("%w: %s", ErrAnswered, describe(list))))
		s.mu.Unlock()
	case "complete":
		s.mu.Lock()
		s.end(m.ID, nil)
		s.mu.Unlock()
	case "ping":
		// A socket that can't be written to is met by the reader.
		_ = s.send(message{Type: "pong"})
	}
}

func (s *Socket) next(m message) {
	s.mu.Lock()
	sub := s.subs[m.ID]
	s.mu.Unlock()
	if sub == nil {
		return
	}
	var answer Answer
	err := json.Unmarshal(m.Payload, &answer)
	if err != nil || len(answer.Errors) > 0 {
		s.mu.Lock()
		s.end(m.ID, errors.Join(err, fmt.Errorf("%w: %s", ErrAnswered, describe(answer.Errors))))
		s.mu.Unlock()
		return
	}
	select {
	case sub.Next <- answer.Data:
	case <-s.quit:
	}
}

// end closes a subscription; s.mu is held.
func (s *Socket) end(id string, err error) {
	if sub := s.subs[id]; sub != nil {
		delete(s.subs, id)
		sub.err = err
		close(sub.Next)
	}
}

// closed names the close code of a socket that the server closed.
func closed(err error) error {
	if code, ok := errors.AsType[*websocket.CloseError](err); ok {
		return fmt.Errorf("%w: %d %s: %w", ErrClosed, code.Code, code.Text, err)
	}
	return err
}
