package providerapi

import "context"

// Exchange is what one call sent and received, redacted, to be kept with its attempt.
type Exchange struct {
	Request  []byte // JSON, at most MaxRedacted bytes; nil: nothing was sent
	Response []byte // JSON, at most MaxRedacted bytes; nil: nothing came
}

type exchangeKey struct{}

// Capture returns a context under which the last call is noted in exchange. It must not be shared by calls that run
// at the same time.
func Capture(ctx context.Context, exchange *Exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, exchange)
}

// noted starts an exchange anew.
func noted(ctx context.Context, body []byte) {
	if exchange, ok := ctx.Value(exchangeKey{}).(*Exchange); ok {
		exchange.Request, exchange.Response = Redact(body), nil
	}
}

func captured(ctx context.Context, reply Reply) {
	if exchange, ok := ctx.Value(exchangeKey{}).(*Exchange); ok && len(reply.Body) > 0 {
		exchange.Response = Redact(reply.Body)
	}
}
