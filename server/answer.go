package server

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Headers of GraphQL answers, as net/http keeps them.
var (
	typeJSON    = []string{mediaJSON + "; charset=utf-8"}
	typeGraphQL = []string{mediaGraphQL + "; charset=utf-8"}
	noStore     = []string{"no-store"}
)

// answerErrors answers a request that nothing ran for: there is no data.
func answerErrors(w http.ResponseWriter, status int, media string, list ...*gqlerror.Error) {
	buffer := getBuffer()
	defer putBuffer(buffer)
	buffer.WriteByte('{')
	appendErrors(buffer, list)
	buffer.WriteByte('}')
	send(w, status, media, buffer.Bytes())
}

// answerData answers with what an operation returned. The data is JSON already: it is not looked at again.
func answerData(w http.ResponseWriter, media string, response *graphql.Response) {
	buffer := getBuffer()
	defer putBuffer(buffer)
	buffer.WriteByte('{')
	if len(response.Errors) > 0 {
		appendErrors(buffer, response.Errors)
		buffer.WriteByte(',')
	}
	buffer.WriteString(`"data":`)
	if len(response.Data) > 0 {
		buffer.Write(response.Data)
	} else {
		buffer.WriteString("null")
	}
	if len(response.Extensions) > 0 {
		buffer.WriteString(`,"extensions":`)
		buffer.Write(spell(response.Extensions))
	}
	buffer.WriteByte('}')
	send(w, http.StatusOK, media, buffer.Bytes())
}

type writer interface {
	Write(text []byte) (int, error)
}

func appendErrors(to writer, list gqlerror.List) {
	_, _ = to.Write([]byte(`"errors":`)) // a buffer takes everything
	_, _ = to.Write(spell(list))
}

func spell(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // of errors and extensions that are made of texts and numbers
	}
	return text
}

func send(w http.ResponseWriter, status int, media string, body []byte) {
	header := w.Header()
	if media == mediaGraphQL {
		header["Content-Type"] = typeGraphQL
	} else {
		header["Content-Type"] = typeJSON
	}
	header["Cache-Control"] = noStore
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone misses nothing
}
