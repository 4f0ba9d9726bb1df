import { createGraphiQLFetcher, type Fetcher, type FetcherParams } from "@graphiql/toolkit";

import { endpoint, socketURL } from "./endpoint";

const hint =
  "The schema needs a credential. Sign in above, or put {\"X-API-Key\": \"bsk_…\"} into the Headers editor and fetch the schema again.";

/**
 * Makes GraphiQL's way to the server: POST (with `@defer` over multipart) for queries and mutations, and a socket per
 * subscription, which gets the tab's headers as the payload of its connection_init and so authenticates like a request.
 * Each call gives a new fetcher: GraphiQL fetches the schema again when its fetcher changes.
 */
export function createFetcher(): Fetcher {
  return createGraphiQLFetcher({
    url: endpoint,
    subscriptionUrl: socketURL(),
    fetch: (input, init) => window.fetch(input, { ...init, credentials: "same-origin" }),
    schemaFetcher: async (params: FetcherParams, options) => {
      const response = await window.fetch(endpoint, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", Accept: "application/json", ...options?.headers },
        body: JSON.stringify(params),
      });
      const result = await response.json();
      if (response.status === 401 || isUnauthenticated(result)) {
        throw new Error(hint);
      }
      return result;
    },
  });
}

function isUnauthenticated(result: { errors?: { extensions?: { code?: string } }[] }): boolean {
  return result.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED") ?? false;
}
