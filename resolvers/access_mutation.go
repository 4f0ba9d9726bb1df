package resolvers

import (
	"context"

	"github.com/boostress/boostress/access"
	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/graph"
	"github.com/boostress/boostress/internal/request"
)

// SignIn begins a browser session, where the answer can carry its cookie.
func (m mutation) SignIn(ctx context.Context, input graph.SignInInput) (*graph.SignInPayload, error) {
	if !request.TakesCookies(ctx) {
		return nil, refuse(codeBadUserInput, "sign in by an HTTP request: a websocket can't keep a cookie")
	}
	in, err := m.options.Access.SignIn(ctx, input.Username, input.Password, request.ClientIP(ctx))
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	payload := &graph.SignInPayload{UserErrors: faults}
	if err == nil {
		// The record decides when the session ends; the cookie only must not be gone before.
		request.Cookies{}.SetSession(ctx, in.Token, in.Session.CreatedAt.Add(account.SessionMost))
		payload.User = &in.User
	}
	return payload, nil
}

// SignOut ends the browser session that asks for it.
func (m mutation) SignOut(ctx context.Context) (*graph.SignOutPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	err = m.options.Access.SignOut(ctx, principal)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	if err == nil {
		request.Cookies{}.ClearSession(ctx)
	}
	return &graph.SignOutPayload{UserErrors: faults}, nil
}

// CreateAPIKey makes an API key.
func (m mutation) CreateAPIKey(ctx context.Context, input graph.CreateAPIKeyInput) (*graph.CreateAPIKeyPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	key, secret, err := m.options.Access.CreateAPIKey(ctx, principal, access.APIKeyInput{
		IdempotencyKey: value(input.IdempotencyKey), Name: input.Name, Role: input.Role, TestMode: value(input.IsTestMode),
		ExpiresAt: input.ExpiresAt,
	})
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	payload := &graph.CreateAPIKeyPayload{UserErrors: faults}
	if err == nil {
		payload.APIKey = &key
		if secret != "" {
			payload.Secret = &secret
		}
	}
	return payload, nil
}

// RevokeAPIKey makes an API key useless.
func (m mutation) RevokeAPIKey(ctx context.Context, input graph.RevokeAPIKeyInput) (*graph.RevokeAPIKeyPayload, error) {
	principal, err := who(ctx)
	if err != nil {
		return nil, err
	}
	key, err := m.options.Access.RevokeAPIKey(ctx, principal, input.ID)
	faults, ok := userErrors(err)
	if !ok {
		return nil, err
	}
	payload := &graph.RevokeAPIKeyPayload{UserErrors: faults}
	if err == nil {
		payload.APIKey = &key
	}
	return payload, nil
}
