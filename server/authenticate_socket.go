package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/request"
	"github.com/boostress/boostress/server/socket"
)

// SocketAuthenticator returns what socket.Options.Authenticate wants: whoever connects is who the payload of
// connection_init proves or else the session's cookie, from a trusted page only. No credential is not enough here.
func SocketAuthenticator(
	authenticator Authenticator, trustedOrigins []string,
) func(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, error) {
	origins := request.NewOrigins(trustedOrigins)
	return func(ctx context.Context, r *http.Request, payload map[string]any) (context.Context, error) {
		credential := access.InitCredential(payload)
		if credential.IsZero() && origins.Trusts(r) {
			credential = access.SessionCredential(request.SessionToken(r))
		}
		if credential.IsZero() {
			return ctx, fmt.Errorf("%w: no credential", socket.ErrForbidden)
		}
		principal, err := authenticator.Authenticate(ctx, credential)
		if err != nil {
			return ctx, forbidden(err)
		}
		return account.NewContext(ctx, principal), nil
	}
}

// Rechecker tells whether who was authenticated earlier may go on. It fails with access.ErrUnauthenticated and
// access.ErrChanged, and with another error where that can't be told right now.
type Rechecker interface {
	Recheck(ctx context.Context, who account.Principal) error
}

// SocketRecheck returns what socket.Options.Recheck wants.
func SocketRecheck(rechecker Rechecker) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		principal, known := account.FromContext(ctx)
		if !known {
			return socket.ErrForbidden
		}
		return forbidden(rechecker.Recheck(ctx, principal))
	}
}

// forbidden tells the socket which errors mean that somebody may not be here.
func forbidden(err error) error {
	if errors.Is(err, access.ErrUnauthenticated) || errors.Is(err, access.ErrChanged) {
		return fmt.Errorf("%w: %w", socket.ErrForbidden, err)
	}
	return err
}
