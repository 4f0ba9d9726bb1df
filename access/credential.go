package access

import (
	"log/slog"
	"strings"

	"github.com/boostress/boostress/account"
)

type credentialKind int

const (
	noCredential credentialKind = iota
	keyCredential
	sessionCredential
)

// Credential is what a request brings to prove who makes it. It never shows its secret. The zero value is none.
type Credential struct {
	kind   credentialKind
	secret string
}

const (
	headerKey           = "X-API-Key"
	headerAuthorization = "Authorization"
)

// HeaderCredential reads the API key from a request's headers, X-API-Key before Authorization: Bearer. get returns a
// header's value by its name, "" where it is missing, as http.Header.Get does. An Authorization header of another scheme
// is a credential that doesn't hold, rather than none.
func HeaderCredential(get func(name string) string) Credential {
	if key := strings.TrimSpace(get(headerKey)); key != "" {
		return Credential{kind: keyCredential, secret: key}
	}
	return bearer(get(headerAuthorization))
}

// InitCredential reads the API key from the payload of a connection_init message: the same names as in headers, in any
// case. A name that is given twice with different values, or with a value that is no text, is a credential that
// doesn't hold.
func InitCredential(payload map[string]any) Credential {
	values := map[string]string{}
	for name, value := range payload {
		for _, wanted := range []string{headerKey, headerAuthorization} {
			if value == nil || !strings.EqualFold(name, wanted) {
				continue
			}
			text, isText := value.(string)
			if before, twice := values[wanted]; !isText || twice && before != text {
				return Credential{kind: keyCredential}
			}
			values[wanted] = text
		}
	}
	return HeaderCredential(func(name string) string { return values[name] })
}

// SessionCredential is the token of a session's cookie; "" is none.
func SessionCredential(token string) Credential {
	if token == "" {
		return Credential{}
	}
	return Credential{kind: sessionCredential, secret: token}
}

// IsZero reports whether there is no credential at all.
func (c Credential) IsZero() bool { return c.kind == noCredential }

// String names the kind of credential, and never the secret.
func (c Credential) String() string {
	switch c.kind {
	case keyCredential:
		return "API key"
	case sessionCredential:
		return "session"
	case noCredential:
	}
	return "no credential"
}

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// LogValue is String.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// plausible reports whether the secret can be one of ours.
func (c Credential) plausible() bool {
	var err error
	switch c.kind {
	case keyCredential:
		_, err = account.ParseAPIKey(c.secret)
	case sessionCredential:
		err = account.ParseSessionToken(c.secret)
	case noCredential:
		return false
	}
	return err == nil
}

func bearer(authorization string) Credential {
	authorization = strings.TrimSpace(authorization)
	if authorization == "" {
		return Credential{}
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Credential{kind: keyCredential}
	}
	return Credential{kind: keyCredential, secret: strings.TrimSpace(token)}
}
