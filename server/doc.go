// Package server is the HTTP side: routes, authentication, limits, transports, health, metrics and webhooks in.
//
// A request passes, in this order: observe (id, log, metrics, panics, headers), its route, and for /graphql: method,
// content type, origin, credential, body, document (tokens, depth, aliases, validation; remembered once it passed),
// variables, the schema's rules, and only then a resolver. What is refused has cost no resolver and no SQL but that of
// the credential.
package server
