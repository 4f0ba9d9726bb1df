package socket

import (
	"encoding/json"
	"strconv"

	"github.com/gorilla/websocket"
)

// The types of messages.
const (
	typeInit      = "connection_init"
	typeAck       = "connection_ack"
	typePing      = "ping"
	typePong      = "pong"
	typeSubscribe = "subscribe"
	typeNext      = "next"
	typeError     = "error"
	typeComplete  = "complete"
)

// The codes that sockets are closed with.
const (
	closeDraining    = websocket.CloseServiceRestart // reconnect, elsewhere
	closeSilent      = websocket.CloseGoingAway      // the client no longer answers
	closeBadMessage  = 4400
	closeEarly       = 4401 // subscribe before connection_ack
	closeForbidden   = 4403
	closeSubprotocol = 4406
	closeInitTimeout = 4408
	closeDuplicate   = 4409 // the id is in use
	closeSlow        = 4410 // reconnect with the last cursor
	closeSecondInit  = 4429
	closeInternal    = 4500
)

// maxID bounds an operation's id, which is repeated with every message.
const maxID = 256

// message is what both sides send.
type message struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// frame writes a message. The id and the payload are left out where they are empty; the payload must be JSON.
func frame(kind, id string, payload []byte) []byte {
	const rest = 48
	text := make([]byte, 0, len(id)+len(payload)+rest)
	text = append(text, '{')
	if id != "" {
		text = append(text, `"id":`...)
		text = appendString(text, id)
		text = append(text, ',')
	}
	text = append(text, `"type":"`...)
	text = append(text, kind...)
	text = append(text, '"')
	if len(payload) > 0 {
		text = append(text, `,"payload":`...)
		text = append(text, payload...)
	}
	return append(text, '}')
}

// appendString appends a JSON string.
func appendString(text []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(value)
			if err != nil { // a string always has a JSON form
				return strconv.AppendQuote(text, value)
			}
			return append(text, quoted...)
		}
	}
	text = append(text, '"')
	text = append(text, value...)
	return append(text, '"')
}
