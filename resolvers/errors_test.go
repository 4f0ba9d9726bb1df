package resolvers_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/boostress/boostress/account"
)

// What goes wrong inside is logged once, under the request's id, and not shown.
func TestInternalErrorsAreMasked(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1, providers: 1, orders: 3}.fill(t, s.url)
	execute(t, s.url, "ALTER TABLE providers RENAME COLUMN attention TO secret_column")

	answer := s.run(as(account.Admin, 1), `{ providers { nodes { name } } orders { nodes { reference } } }`, nil)
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if code(answer) != "INTERNAL" || at(answer, "errors", 0, "message") != "internal error" || at(answer, "errors", 0, "path",
		0) != "providers" ||
		at(answer, "errors", 0, "extensions", "requestId") != "req-1" || strings.Contains(string(text), "attention") {
		t.Errorf("answer: %s", text)
	}
	log := s.logged()
	if !strings.Contains(log, "attention") || strings.Count(log, "level=ERROR") != 1 ||
		!strings.Contains(log, "request_id=req-1") {
		t.Errorf("log: %s", log)
	}
}

func TestPanicsAreMasked(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	s.executor.AroundFields(func(ctx context.Context, next graphql.Resolver) (any, error) {
		if graphql.GetFieldContext(ctx).Field.Name == "viewer" {
			panic("the secret")
		}
		return next(ctx)
	})
	answer := s.run(as(account.Admin, 1), `{ viewer { role } }`, nil)
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if code(answer) != "INTERNAL" || strings.Contains(string(text), "secret") {
		t.Errorf("answer: %s", text)
	}
	if log := s.logged(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log,
		"the secret") || !strings.Contains(log, "stack=") {
		t.Errorf("log: %s", log)
	}
}

func TestTimeoutsAreTold(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	world{account: 1}.fill(t, s.url)
	ctx, cancel := context.WithCancel(account.NewContext(t.Context(), as(account.Admin, 1)))
	cancel()
	answer := s.runContext(ctx, `{ orders { nodes { id } } }`, nil)
	if got := code(answer); got != "TIMEOUT" && got != "" {
		t.Errorf("code is %q, want TIMEOUT: %v", got, answer)
	}
}
