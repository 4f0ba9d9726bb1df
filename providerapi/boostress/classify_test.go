package boostress_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/providerapi"
)

// What each answer means to a create call, to a cancel call and to a call that only reads.
func TestClasses(t *testing.T) {
	t.Parallel()

	const (
		accepted = order.ClassAccepted
		retry    = order.ClassRetryable
		limited  = order.ClassRateLimited
		rejected = order.ClassRejected
		action   = order.ClassNeedsAction
		auth     = order.ClassAuth
		dup      = order.ClassDuplicate
		cannot   = order.ClassUnsupported
		unknown  = order.ClassUnknown
	)
	oddMoney := strings.Replace(good, `"delivered"`, `"charge":{"amount":"9","currency":"XXX"},"delivered"`, 1)
	refusal := func(code, more string) string { return `{"code":"` + code + `","message":"why"` + more + `}` }
	tests := map[string]struct {
		status               int
		body                 string
		create, cancel, read order.Class
		reroutable           bool
	}{
		"ok":                       {200, good, accepted, accepted, accepted, false},
		"created":                  {201, good, accepted, accepted, accepted, false},
		"accepted later":           {202, good, accepted, accepted, accepted, false},
		"garbage":                  {200, "<html>hello</html>", unknown, unknown, retry, false},
		"nothing":                  {201, "", unknown, unknown, retry, false},
		"broken JSON":              {201, good[:20], unknown, unknown, retry, false},
		"without an id":            {201, `{"key":"k1","status":"accepted"}`, unknown, unknown, retry, false},
		"another key":              {201, strings.Replace(good, "k1", "k2", 1), unknown, accepted, accepted, false},
		"another order":            {201, strings.Replace(good, "o1", "o2", 1), accepted, unknown, retry, false},
		"money that is none":       {201, oddMoney, unknown, unknown, retry, false},
		"redirect":                 {302, "", unknown, unknown, retry, false},
		"bad request":              {400, refusal("invalid_request", ""), rejected, rejected, rejected, false},
		"stranger's bad request":   {400, "Bad Request", unknown, unknown, retry, false},
		"unauthorized":             {401, "", auth, auth, auth, false},
		"no money left":            {402, refusal("balance", ""), action, action, action, false},
		"forbidden":                {403, "", auth, auth, auth, false},
		"not found":                {404, refusal("not_found", ""), rejected, rejected, rejected, false},
		"no such offer":            {404, refusal("no_such_offer", `,"reroutable":true`), rejected, rejected, rejected, true},
		"wrong URL":                {404, refusal("no_such_path", ""), action, action, action, false},
		"stranger's not found":     {404, "<html>", action, action, action, false},
		"stranger's method":        {405, "", action, action, action, false},
		"request timed out":        {408, refusal("slow", ""), unknown, unknown, retry, false},
		"duplicate":                {409, refusal("duplicate", ""), dup, dup, dup, false},
		"key still busy":           {409, refusal("key_busy", `,"retryable":true`), unknown, unknown, retry, false},
		"conflict, try again":      {409, refusal("locked", `,"retryable":true`), retry, retry, retry, false},
		"too late to cancel":       {409, refusal("not_cancelable", ""), rejected, rejected, rejected, false},
		"stranger's conflict":      {409, "", unknown, unknown, retry, false},
		"too large":                {413, refusal("too_large", ""), rejected, rejected, rejected, false},
		"refused":                  {422, refusal("sold_out", ""), rejected, rejected, rejected, false},
		"refused, others may":      {422, refusal("sold_out", `,"reroutable":true`), rejected, rejected, rejected, true},
		"refused for now":          {422, refusal("no_paper", `,"retryable":true`), retry, retry, retry, false},
		"key reused":               {422, refusal("key_reused", ""), dup, dup, dup, false},
		"never does that":          {422, refusal("unsupported", ""), cannot, cannot, cannot, false},
		"too many requests":        {429, "", limited, limited, limited, false},
		"internal error":           {500, refusal("internal", ""), unknown, unknown, retry, false},
		"stranger's bad gateway":   {502, "<html>", unknown, unknown, retry, false},
		"unavailable, says try on": {503, refusal("down", `,"retryable":true`), unknown, unknown, retry, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			adapter := open(t, answer(tt.status, tt.body, "Retry-After", "7"))
			_, createErr := adapter.Create(t.Context(), request(t))
			_, cancelErr := adapter.Cancel(t.Context(), "o1", "k1-cancel")
			_, readErr := adapter.Get(t.Context(), "o1")
			for operation, got := range map[string]struct {
				err  error
				want order.Class
			}{"create": {createErr, tt.create}, "cancel": {cancelErr, tt.cancel}, "read": {readErr, tt.read}} {
				if class := providerapi.ClassOf(got.err); class != got.want {
					t.Errorf("%s: got %s (%v), want %s", operation, class, got.err, got.want)
				}
			}
			outcome := providerapi.OutcomeOf(order.ExternalOrder{}, createErr, time.Second)
			if outcome.Reroutable != tt.reroutable {
				t.Errorf("reroutable %t, want %t", outcome.Reroutable, tt.reroutable)
			}
			if tt.status >= 400 && outcome.RetryAfter != 7*time.Second {
				t.Errorf("retry after %s", outcome.RetryAfter)
			}
		})
	}
}

func TestDuplicatesAreLookedUp(t *testing.T) {
	t.Parallel()

	refused := answer(http.StatusConflict, `{"code":"duplicate","message":"seen before"}`)
	adapter := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			refused(w, r)
			return
		}
		answer(http.StatusOK, `{"orders":[`+good+`]}`)(w, r)
	})
	placed, err := adapter.Create(t.Context(), request(t))
	outcome := providerapi.OutcomeOf(placed, err, 0)
	if outcome.Class != order.ClassDuplicate || outcome.Order == nil || outcome.Order.ExternalID != "o1" {
		t.Errorf("got %+v", outcome)
	}

	var calls atomic.Int32
	blind := open(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		refused(w, r)
	}, "lookup", "false", "idempotency", "reference")
	if _, err := blind.Create(t.Context(), request(t)); providerapi.ClassOf(err) != order.ClassDuplicate || calls.Load() != 1 {
		t.Errorf("without lookup: got %v after %d calls", err, calls.Load())
	}
}

func TestCancelOfWhatIsCanceledIsASuccess(t *testing.T) {
	t.Parallel()

	adapter := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			answer(http.StatusConflict, `{"code":"canceled","message":"long ago"}`)(w, r)
			return
		}
		answer(http.StatusOK, `{"id":"o1","key":"k1","status":"canceled"}`)(w, r)
	})
	if got, err := adapter.Cancel(t.Context(), "o1", "k1-cancel"); err != nil || got.State != order.ExternalCanceled {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestOrdersThatCannotBeSentAreRefusedHere(t *testing.T) {
	t.Parallel()

	adapter := open(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	odd, large := request(t), request(t)
	odd.Key = "a\r\nb"
	large.Attributes = []byte(`{"x":"` + strings.Repeat("x", 64<<10) + `"}`)
	for name, request := range map[string]providerapi.CreateRequest{"key": odd, "size": large} {
		_, err := adapter.Create(t.Context(), request)
		if outcome := providerapi.OutcomeOf(order.ExternalOrder{}, err, 0); outcome.Class != order.ClassRejected || !outcome.Reroutable {
			t.Errorf("%s: got %+v", name, outcome)
		}
	}
}
