package e2e_test

import (
	"maps"

	"github.com/boostress/boostress/providerapi/sandbox"
)

// addProvider brings a simulated provider into the catalog, through the API.
func (c *cluster) addProvider(slug string) {
	c.t.Helper()
	for _, p := range sandbox.DefaultProviders([]byte(sandboxToken)) {
		if p.Slug != slug {
			continue
		}
		var made struct {
			CreateProvider struct {
				Provider   *struct{ ID string }
				UserErrors []struct{ Message string }
			}
		}
		must(c.t, c.client.Do(c.t.Context(), `mutation($input: CreateProviderInput!) { createProvider(input: $input) {
			provider { id } userErrors { message } } }`, map[string]any{"input": map[string]any{
			"name": p.Name, "adapter": "boostress", "baseUrl": "http://" + c.sandbox + "/" + p.Slug, "isSimulated": true,
			"timeout":     "PT5S",
			"credentials": c.credentialsOf(p),
		}}, &made))
		if made.CreateProvider.Provider == nil {
			c.t.Fatalf("add provider: %v", made.CreateProvider.UserErrors)
		}
		c.provider = made.CreateProvider.Provider.ID
		for _, offer := range p.Offers {
			c.addOffer(made.CreateProvider.Provider.ID, map[string]any{
				"externalId": offer.ID, "name": offer.Name, "category": offer.Category, "serviceType": offer.ServiceType,
				"unitPrice": map[string]string{"amount": offer.UnitPrice.Amount, "currency": offer.UnitPrice.Currency},
			})
		}
	}
}

func (c *cluster) addOffer(providerID string, offer map[string]any) {
	c.t.Helper()
	var made struct {
		CreateOffer struct{ UserErrors []struct{ Message string } }
	}
	offer["providerId"] = providerID
	must(c.t, c.client.Do(c.t.Context(), `mutation($input: CreateOfferInput!) { createOffer(input: $input) {
		userErrors { message } } }`, map[string]any{"input": offer}, &made))
	if len(made.CreateOffer.UserErrors) > 0 {
		c.t.Fatalf("add offer: %v", made.CreateOffer.UserErrors)
	}
}

func (c *cluster) credentialsOf(p sandbox.Provider) map[string]string {
	credentials := map[string]string{"apiKey": p.APIKey, "webhookSecret": p.WebhookSecret}
	maps.Copy(credentials, c.credentials)
	return credentials
}
