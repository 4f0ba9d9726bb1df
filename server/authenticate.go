package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/request"
)

// errOrigin is returned for a session's cookie that somebody else's page sent.
var errOrigin = errors.New("a page of this origin may not use the session")

// gate tells who makes a request.
type gate struct {
	authenticator Authenticator
	origins       request.Origins
}

// enter returns a context that carries who makes the request; nobody, where it brings no credential. An API key goes
// before a cookie, which a browser sends unasked. It fails with errOrigin, with access.ErrUnauthenticated, and with
// another error where it can't be told who it is.
func (g gate) enter(ctx context.Context, r *http.Request) (context.Context, error) {
	credential := access.HeaderCredential(r.Header.Get)
	if credential.IsZero() {
		token := request.SessionToken(r)
		if token == "" {
			return ctx, nil
		}
		if !g.origins.Trusts(r) {
			return ctx, errOrigin
		}
		credential = access.SessionCredential(token)
	}
	principal, err := g.authenticator.Authenticate(ctx, credential)
	if err != nil {
		return ctx, err
	}
	return account.NewContext(ctx, principal), nil
}
