package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"

	"github.com/boostress/boostress/internal/gqlclient"
	"github.com/boostress/boostress/providerapi/sandbox"
)

// The one provider, and the one thing it sells, that the benchmark orders.
const (
	benchSlug     = "northwind-prints"
	benchCategory = "prints"
	benchService  = "poster-a3"
)

// prepare makes the simulated provider instant, and a client with a key of its own and the provider in its catalog.
func (s *system) prepare(ctx context.Context) (*gqlclient.Client, error) {
	instant := map[string]any{"instant": true, "latencyMs": map[string]int{"min": 0, "max": 0}, "noWebhooks": true}
	if err := s.behave(ctx, instant); err != nil {
		return nil, err
	}
	client, err := s.signIn(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range sandbox.DefaultProviders([]byte(sandboxToken)) {
		if p.Slug == benchSlug {
			s.providerKey = p.APIKey
			return client, s.addProvider(ctx, client, p)
		}
	}
	return nil, fmt.Errorf("%w: no simulated provider %s", errRefused, benchSlug)
}

func (s *system) behave(ctx context.Context, behavior map[string]any) error {
	body, err := json.Marshal(behavior)
	if err != nil {
		return fmt.Errorf("write behavior: %w", err)
	}
	url := "http://" + s.sandbox + "/_sandbox/providers/" + benchSlug + "/behavior"
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("set behavior: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+sandboxToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("set behavior: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("set behavior: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%w: set behavior: HTTP %d", errRefused, response.StatusCode)
	}
	return nil
}

// signIn signs in as the admin and makes an API key.
func (s *system) signIn(ctx context.Context) (*gqlclient.Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	browser := &gqlclient.Client{URL: "http://" + s.addr + "/graphql", HTTP: &http.Client{Jar: jar}}
	var session struct{ SignIn struct{ UserErrors faults } }
	err = browser.Do(ctx, `mutation($input: SignInInput!) { signIn(input: $input) { userErrors { field code message } } }`,
		inputOf(map[string]any{"username": "admin", "password": password}), &session)
	if err = errors.Join(err, session.SignIn.UserErrors.err()); err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	var made struct {
		CreateAPIKey struct {
			Secret     string
			UserErrors faults
		} `json:"createApiKey"`
	}
	err = browser.Do(ctx, `mutation { createApiKey(input: {name: "bench", role: ADMIN}) {
		secret userErrors { field code message } } }`, nil, &made)
	if err = errors.Join(err, made.CreateAPIKey.UserErrors.err()); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: s.options.Clients + batchClients}
	return &gqlclient.Client{URL: browser.URL, Key: made.CreateAPIKey.Secret, HTTP: &http.Client{Transport: transport}}, nil
}

func (s *system) addProvider(ctx context.Context, client *gqlclient.Client, p sandbox.Provider) error {
	var made struct {
		CreateProvider struct {
			Provider   *struct{ ID string }
			UserErrors faults
		}
	}
	err := client.Do(ctx, `mutation($input: CreateProviderInput!) { createProvider(input: $input) {
		provider { id } userErrors { field code message } } }`, inputOf(map[string]any{
		"name": p.Name, "adapter": "boostress", "baseUrl": "http://" + s.sandbox + "/" + p.Slug, "isSimulated": true,
		"credentials": map[string]string{"apiKey": p.APIKey, "webhookSecret": p.WebhookSecret},
	}), &made)
	if err = errors.Join(err, made.CreateProvider.UserErrors.err()); err != nil {
		return fmt.Errorf("add provider: %w", err)
	}
	for _, offer := range p.Offers {
		var result struct{ CreateOffer struct{ UserErrors faults } }
		err := client.Do(ctx, `mutation($input: CreateOfferInput!) { createOffer(input: $input) {
			userErrors { field code message } } }`, inputOf(map[string]any{
			"providerId": made.CreateProvider.Provider.ID, "externalId": offer.ID, "name": offer.Name,
			"category": offer.Category, "serviceType": offer.ServiceType,
			"unitPrice": map[string]string{"amount": offer.UnitPrice.Amount, "currency": offer.UnitPrice.Currency},
		}), &result)
		if err = errors.Join(err, result.CreateOffer.UserErrors.err()); err != nil {
			return fmt.Errorf("add offer %s: %w", offer.ID, err)
		}
	}
	return nil
}
