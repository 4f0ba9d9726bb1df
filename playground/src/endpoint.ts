/** The server's one GraphQL path, on the origin that served this page. */
export const endpoint = "/graphql";

/** The same path as a websocket address: graphql-ws wants a full one. */
export function socketURL(): string {
  const url = new URL(endpoint, window.location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
