package socket

import (
	"time"

	"github.com/gorilla/websocket"
)

// write sends what waits, pings, and at the end the code that the socket is closed with.
func (c *conn) write() {
	ping := time.NewTicker(c.options.PingInterval)
	defer ping.Stop()
	for {
		select {
		case <-c.closing:
			if c.flush() {
				c.farewell()
			}
			return
		case <-ping.C:
			if !c.send(frame(typePing, "", nil)) {
				return
			}
		case <-c.out.wake:
			if !c.flush() {
				return
			}
		}
	}
}

// flush sends all that waits. It reports false where the connection broke.
func (c *conn) flush() bool {
	for {
		items := c.out.take()
		if len(items) == 0 {
			return true
		}
		for _, item := range items {
			if c.tooSlow() {
				return true
			}
			if !c.send(item) {
				return false
			}
			c.out.written(item)
		}
	}
}

func (c *conn) send(item []byte) bool {
	err := c.ws.SetWriteDeadline(time.Now().Add(c.options.WriteTimeout))
	if err == nil {
		err = c.ws.WriteMessage(websocket.TextMessage, item)
	}
	if err != nil {
		c.abort(err)
		return false
	}
	c.options.Metrics.sent.Inc()
	return true
}

func (c *conn) tooSlow() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code == closeSlow
}

// farewell sends the code, and gives the client a moment to read it.
func (c *conn) farewell() {
	c.mu.Lock()
	code, reason := c.code, c.reason
	c.mu.Unlock()
	if code == websocket.CloseAbnormalClosure {
		return
	}
	deadline := time.Now().Add(closeWait)
	if err := c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), deadline); err != nil {
		c.abort(err)
		return
	}
	_ = c.ws.SetReadDeadline(deadline) // fails for a connection that is gone already
}
