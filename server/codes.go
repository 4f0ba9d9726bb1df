package server

import (
	"context"
	"net/http"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/boostress/boostress/internal/request"
)

// The codes of errors that end a request before a resolver ran, or instead of what it answered: extensions.code.
const (
	codeUnauthenticated  = "UNAUTHENTICATED"
	codeForbidden        = "FORBIDDEN"
	codeBadUserInput     = "BAD_USER_INPUT"
	codeParseFailed      = "GRAPHQL_PARSE_FAILED"
	codeValidationFailed = "GRAPHQL_VALIDATION_FAILED"
	codeLimitExceeded    = "LIMIT_EXCEEDED"
	codeRateLimited      = "RATE_LIMITED"
	codeTimeout          = "TIMEOUT"
	codeInternal         = "INTERNAL"
)

const (
	extensionCode      = "code"
	extensionRequest   = "requestId"
	extensionRetryable = "retryable"

	messageInternal = "internal error"

	mostMessage = 300 // bytes of an error's message, which may repeat what the client sent
	mostErrors  = 10  // of one document
)

// fault is an error of a code, not yet of a request.
func fault(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{extensionCode: code}}
}

// faultAt is fault with a place in the document.
func faultAt(code, message string, at *ast.Position) *gqlerror.Error {
	err := fault(code, message)
	if at != nil {
		err.Locations = []gqlerror.Location{{Line: at.Line, Column: at.Column}}
	}
	return err
}

// refuse is a fault as the client of a request sees it.
func refuse(ctx context.Context, code, message string) *gqlerror.Error {
	return named(ctx, fault(code, message))
}

// named adds to an error of a code what every error has: the request's id and whether to try again.
func named(ctx context.Context, err *gqlerror.Error) *gqlerror.Error {
	code, _ := err.Extensions[extensionCode].(string)
	retryable, told := err.Extensions[extensionRetryable].(bool)
	if !told {
		retryable = code == codeTimeout || code == codeRateLimited
	}
	return &gqlerror.Error{
		Message: shorten(err.Message, mostMessage), Path: err.Path, Locations: err.Locations,
		Extensions: map[string]any{extensionCode: code, extensionRetryable: retryable, extensionRequest: request.ID(ctx)},
	}
}

// recoded gives all errors of a list, of which there are too many perhaps, a code.
func recoded(list gqlerror.List, code string) gqlerror.List {
	coded := make(gqlerror.List, 0, min(len(list), mostErrors))
	for _, err := range list[:cap(coded)] {
		coded = append(coded, &gqlerror.Error{
			Message: err.Message, Path: err.Path, Locations: err.Locations, Extensions: map[string]any{extensionCode: code},
		})
	}
	return coded
}

// statusOf returns the HTTP status of a request that was refused by these errors. Under application/json a well-formed
// request is always answered with 200, as clients of old expect.
func statusOf(list gqlerror.List, media string) int {
	if media == mediaJSON || len(list) == 0 {
		return http.StatusOK
	}
	switch code, _ := list[0].Extensions[extensionCode].(string); code {
	case codeUnauthenticated:
		return http.StatusUnauthorized
	case codeForbidden:
		return http.StatusForbidden
	case codeRateLimited:
		return http.StatusTooManyRequests
	case codeInternal:
		return http.StatusInternalServerError
	case codeTimeout:
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}
