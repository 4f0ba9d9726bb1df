package server

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// The media types of answers.
const (
	mediaJSON    = "application/json"
	mediaGraphQL = "application/graphql-response+json"
)

// accepts returns the media type that a client would rather have its answer in: application/json, unless it names the
// other one and likes that no less.
func accepts(r *http.Request) string {
	values := r.Header["Accept"]
	switch {
	case len(values) == 0:
		return mediaJSON
	case len(values) == 1 && (values[0] == mediaJSON || values[0] == "*/*"):
		return mediaJSON
	case len(values) == 1 && values[0] == mediaGraphQL:
		return mediaGraphQL
	}
	best, chosen := 0.0, mediaJSON
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		kind, parameters, _ := strings.Cut(part, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
		if kind != mediaJSON && kind != mediaGraphQL {
			continue
		}
		if weight := quality(parameters); weight > best {
			best, chosen = weight, kind
		}
	}
	return chosen
}

// quality reads the weight of a media range; what can't be read weighs nothing.
func quality(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0
		}
		return weight
	}
	return 1
}

// speaksJSON reports whether a body's content type is one that no page of another origin can send without being asked
// first whether it may: JSON, in UTF-8.
func speaksJSON(r *http.Request) bool {
	values := r.Header["Content-Type"]
	if len(values) != 1 {
		return false
	}
	if values[0] == mediaJSON {
		return true
	}
	kind, parameters, err := mime.ParseMediaType(values[0])
	if err != nil || kind != mediaJSON && kind != "application/graphql+json" {
		return false
	}
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// upgrades reports whether a request asks for a websocket.
func upgrades(r *http.Request) bool {
	if len(r.Header["Upgrade"]) == 0 {
		return false
	}
	return strings.EqualFold(strings.TrimSpace(r.Header.Get("Upgrade")), "websocket")
}
