package boostress

import (
	"errors"
	"net/http"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
	"github.com/boostress/boostress/providerapi/protocol"
)

// weigh classifies a call that brought no answer, by what it may have done.
func weigh(does operation, err error) error {
	if failed, ok := errors.AsType[*providerapi.Error](err); ok && failed.Class == order.ClassUnknown {
		failed.Class = does.lost()
	}
	return err
}

// refusal classifies an answer of 400 or more. Only what the protocol documents counts as proof that nothing was
// accepted: an answer without the protocol's body may come from anything between the provider and us.
func (a *Adapter) refusal(does operation, reply *providerapi.Reply) error {
	said, err := protocol.ParseRefusal(reply.Body)
	documented := err == nil
	refused := &providerapi.Error{
		Code: said.Code, Message: said.Message, Status: reply.Status, Reroutable: said.Reroutable,
		RetryAfter: providerapi.RetryAfter(reply.Header, a.now()),
	}
	if !documented {
		refused.Message = "answer without the protocol's error body"
	}
	refused.Class = classOf(does, reply.Status, said, documented)
	if reply.Status == http.StatusNotFound && said.Code == protocol.CodeNotFound {
		refused.Err = providerapi.ErrAbsent
	}
	return refused
}

func classOf(does operation, status int, said protocol.Refusal, documented bool) order.Class {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return order.ClassAuth
	case status == http.StatusPaymentRequired:
		return order.ClassNeedsAction
	case status == http.StatusTooManyRequests:
		return order.ClassRateLimited
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		return does.lost()
	case !documented:
		return classOfStranger(does, status)
	default:
		return classOfRefusal(does, said)
	}
}

// classOfStranger judges a refusal that is not the protocol's. A path or method that nobody serves is a wrong URL;
// anything else may be any proxy's opinion of an answer that we did not get to see.
func classOfStranger(does operation, status int) order.Class {
	if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
		return order.ClassNeedsAction
	}
	return does.lost()
}

func classOfRefusal(does operation, said protocol.Refusal) order.Class {
	switch said.Code {
	case protocol.CodeDuplicate, protocol.CodeKeyReused:
		// Whatever we sent, there is an order under our key: sending it elsewhere would double it.
		return order.ClassDuplicate
	case protocol.CodeKeyBusy:
		return does.lost()
	case protocol.CodeUnsupported:
		return order.ClassUnsupported
	case protocol.CodeNoPath:
		return order.ClassNeedsAction
	}
	if said.Retryable {
		return order.ClassRetryable
	}
	return order.ClassRejected
}
