package boostress

import (
	"context"
	"fmt"
	"net/http"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/protocol"
)

// operation says what a call may have changed when its answer is lost or unreadable.
type operation int

const (
	reading  operation = iota // nothing: it can simply be made again
	creating                  // an order may exist
	changing                  // an order may have changed
)

// lost is the class of a call whose answer says nothing.
func (o operation) lost() order.Class {
	if o == reading {
		return order.ClassRetryable
	}
	return order.ClassUnknown
}

// call sends one request and has parse read the body of a success.
func (a *Adapter) call(
	ctx context.Context, does operation, method, path, key string, body []byte, parse func(body []byte) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	request, err := providerapi.NewRequest(ctx, method, a.base+path, body)
	if err != nil {
		return &providerapi.Error{Class: order.ClassNeedsAction, Message: "the provider's URL makes no request", Err: err}
	}
	request.Header["Authorization"] = a.bearer
	request.Header["Accept"] = []string{"application/json"}
	if key != "" {
		request.Header[protocol.HeaderKey] = []string{key}
	}
	reply, err := providerapi.Call(a.http, request)
	defer reply.Release()
	switch {
	case reply.Status >= http.StatusBadRequest:
		// Even of an answer whose body broke off the status tells enough.
		return a.refusal(does, &reply)
	case err != nil:
		return weigh(does, err)
	case reply.Status < http.StatusOK || reply.Status >= http.StatusMultipleChoices:
		return &providerapi.Error{
			Class: does.lost(), Status: reply.Status, Message: "the answer is not one of the protocol: check the provider's URL",
		}
	}
	if parse == nil {
		return nil
	}
	if err := parse(reply.Body); err != nil {
		return &providerapi.Error{
			Class: does.lost(), Status: reply.Status, Message: fmt.Sprintf("unreadable answer: %v", err), Err: err,
		}
	}
	return nil
}
