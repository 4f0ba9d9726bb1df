package scheduling_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/boostress/boostress/account"
	"github.com/boostress/boostress/internal/id"
	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/schedule"
	"github.com/boostress/boostress/scheduling"
	"github.com/boostress/boostress/task"
)

func TestCreateKeepsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider := s.provider()
	before := time.Now().Add(-time.Minute)
	made := s.make(func(in *scheduling.Input) {
		in.Name, in.Action = "checks", task.KindCheckProvider
		in.Arguments = arguments(`{"providerId": "` + provider.ID.String() + `"}`)
		in.Rule = cron("0 9 * * MON-FRI", "Europe/Berlin")
		in.Rule.MaxRuns, in.Jitter, in.Queue = new(9), new(time.Minute), new("status")
		in.Priority, in.Overlap, in.Misfire, in.MisfireLimit = 3, schedule.OverlapQueue, schedule.MisfireAll, 7
	})
	want := schedule.Schedule{
		ID: made.ID, AccountID: s.who.AccountID, Name: "checks",
		Rule:    schedule.Rule{Kind: schedule.Cron, Cron: "0 9 * * MON-FRI", TimeZone: "Europe/Berlin"},
		MaxRuns: 9, Jitter: time.Minute, Overlap: schedule.OverlapQueue, Misfire: schedule.MisfireAll, MisfireLimit: 7,
		TaskKind: "CHECK_PROVIDER", Queue: "status", Priority: 3, Enabled: true, ProviderID: &provider.ID, CreatedBy: "user:default",
		Arguments: arguments(`{"providerId": "` + provider.ID.String() + `"}`),
		NextAt:    made.NextAt, CreatedAt: made.CreatedAt, UpdatedAt: made.CreatedAt,
	}
	if diff := cmp.Diff(want, *s.schedule(made)); diff != "" {
		t.Errorf("the schedule (-want +got):\n%s", diff)
	}
	if next, _, _ := want.Rule.Next(made.CreatedAt); made.NextAt == nil || !made.NextAt.Equal(next) || made.CreatedAt.Before(before) {
		t.Errorf("it fires at %v, want %v", made.NextAt, next)
	}
	action := one[string](s, "SELECT actor || ' ' || action || ' ' || details::text FROM audit_entries WHERE target_id = $1", made.ID)
	if action != `user:default schedule.create {"name": "checks", "action": "CHECK_PROVIDER"}` {
		t.Errorf("audited as %s", action)
	}
}

func TestCreatePausedAndAfterCompletion(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	paused := s.make(func(in *scheduling.Input) { in.Enabled = false })
	if paused.NextAt != nil || paused.Status() != schedule.Paused {
		t.Errorf("made paused, it is %s and fires at %v", paused.Status(), paused.NextAt)
	}
	polling := s.make(func(in *scheduling.Input) { in.Rule.Kind = schedule.AfterCompletion })
	if polling.NextAt == nil || !polling.NextAt.Equal(polling.CreatedAt) {
		t.Errorf("its first run is at %v, want at once, %v", polling.NextAt, polling.CreatedAt)
	}
}

func TestCreateOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	input := hourly(func(in *scheduling.Input) { in.IdempotencyKey = "k" })
	first, err := s.Create(t.Context(), s.who, input)
	must(t, err)
	again, err := s.Create(t.Context(), s.who, input)
	if err != nil || again.ID != first.ID {
		t.Errorf("the same key made %v, %v, want %v", again, err, first.ID)
	}
	input.Priority = 1
	_, err = s.Create(t.Context(), s.who, input)
	wantFault(t, err, order.CodeIdempotencyKeyReused, "idempotencyKey")
	_, err = s.Delete(t.Context(), s.who, first.ID)
	must(t, err)
	input.Priority = 0
	_, err = s.Create(t.Context(), s.who, input)
	wantFault(t, err, order.CodeConflict, "idempotencyKey")
}

func TestCreateTakesANameOnce(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(nil)
	_, err := s.Create(t.Context(), s.who, hourly(func(in *scheduling.Input) { in.Name = made.Name }))
	wantFault(t, err, order.CodeNameTaken, "name")
	other := s.account("other")
	if _, err := s.Create(t.Context(), other, hourly(func(in *scheduling.Input) { in.Name = made.Name })); err != nil {
		t.Errorf("another account's name is taken: %v", err)
	}
}

func TestCreateFaults(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for name, tt := range map[string]struct {
		change func(*scheduling.Input)
		code   order.Code
		field  []string
	}{
		"no name":    {func(in *scheduling.Input) { in.Name = " " }, order.CodeRequired, []string{"name"}},
		"long name":  {func(in *scheduling.Input) { in.Name = strings.Repeat("ä", 201) }, order.CodeTooLong, []string{"name"}},
		"bad name":   {func(in *scheduling.Input) { in.Name = "a\x00" }, order.CodeInvalid, []string{"name"}},
		"queue":      {func(in *scheduling.Input) { in.Queue = new("dispatch") }, order.CodeInvalid, []string{"queue"}},
		"priority":   {func(in *scheduling.Input) { in.Priority = 10 }, order.CodeOutOfRange, []string{"priority"}},
		"no limit":   {func(in *scheduling.Input) { in.MisfireLimit = 0 }, order.CodeOutOfRange, []string{"misfireLimit"}},
		"high limit": {func(in *scheduling.Input) { in.MisfireLimit = 1001 }, order.CodeOutOfRange, []string{"misfireLimit"}},
		"rule":       {func(in *scheduling.Input) { in.Rule.Every = nil }, order.CodeRequired, []string{"every"}},
		"long jitter": {
			func(in *scheduling.Input) { in.Rule = cron("@daily", ""); in.Jitter = new(time.Hour + 1e6) },
			order.CodeOutOfRange,
			[]string{"jitter"},
		},
		"no jitter":    {func(in *scheduling.Input) { in.Jitter = new(-time.Second) }, order.CodeOutOfRange, []string{"jitter"}},
		"whole jitter": {func(in *scheduling.Input) { in.Jitter = new(time.Hour) }, order.CodeOutOfRange, []string{"jitter"}},
		"cron jitter": {
			func(in *scheduling.Input) { in.Rule = cron("0,1 * * * *", ""); in.Jitter = new(time.Minute) },
			order.CodeOutOfRange,
			[]string{"jitter"},
		},
		"no action": {func(in *scheduling.Input) { in.Action = task.KindDispatch }, order.CodeInvalid, []string{"arguments"}},
		"key":       {func(in *scheduling.Input) { in.IdempotencyKey = strings.Repeat("k", 201) }, order.CodeTooLong, []string{"idempotencyKey"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Create(t.Context(), s.who, hourly(tt.change))
			wantFault(t, err, tt.code, tt.field...)
		})
	}
	t.Cleanup(func() {
		if count := one[int](s, "SELECT count(*)::int FROM schedules"); count != 0 {
			t.Errorf("%d schedules were made", count)
		}
	})
}

func TestArguments(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider, placed := s.provider(), s.place(nil)
	gone := s.provider()
	_, err := s.orders.DeleteProvider(t.Context(), s.who, gone.ID)
	must(t, err)
	foreign := s.providerOf(s.account("other"))
	fill := strings.NewReplacer("$order", placed.ID.String(), "$provider", provider.ID.String(), "$foreign", foreign.ID.String(),
		"$gone", gone.ID.String(), "$none", id.New(id.Order).String())
	const template = `{"order": {"reference": "R-{{run}}", "category": "prints", "destination": {"name": "Ada"},
		"lines": [{"serviceType": "poster-a3", "quantity": 2}]}}`
	order1 := func(old, fresh string) string { return strings.Replace(template, old, fresh, 1) }

	for name, tt := range map[string]struct {
		action    task.Kind
		arguments string
		code      order.Code // "": it is fine
		field     string     // below arguments, its parts joined by dots
	}{
		"process":              {task.KindProcessOrder, `{"orderId": "$order"}`, "", ""},
		"process nothing":      {task.KindProcessOrder, `{}`, order.CodeRequired, "orderId"},
		"process null":         {task.KindProcessOrder, `null`, order.CodeRequired, "orderId"},
		"process unknown":      {task.KindProcessOrder, `{"orderId": "$none"}`, order.CodeNotFound, "orderId"},
		"process a provider":   {task.KindProcessOrder, `{"orderId": "$provider"}`, order.CodeNotFound, "orderId"},
		"process a number":     {task.KindProcessOrder, `{"orderId": 7}`, order.CodeInvalid, "orderId"},
		"no object":            {task.KindProcessOrder, `[]`, order.CodeInvalid, ""},
		"too much":             {task.KindEnforceDeadlines, `{"a": "` + strings.Repeat("a", 70_000) + `"}`, order.CodeTooLong, ""},
		"poll":                 {task.KindPollProvider, `{"providerId": "$provider"}`, "", ""},
		"poll foreign":         {task.KindPollProvider, `{"providerId": "$foreign"}`, order.CodeNotFound, "providerId"},
		"poll deleted":         {task.KindPollProvider, `{"providerId": "$gone"}`, order.CodeNotFound, "providerId"},
		"check and more":       {task.KindCheckProvider, `{"providerId": "$provider", "run": {}}`, order.CodeInvalid, "run"},
		"sync":                 {task.KindSyncOffers, `{"providerId": "$provider", "mode": "PROPOSE"}`, "", ""},
		"sync without a mode":  {task.KindSyncOffers, `{"providerId": "$provider"}`, order.CodeRequired, "mode"},
		"sync in another mode": {task.KindSyncOffers, `{"providerId": "$provider", "mode": "FORCE"}`, order.CodeInvalid, "mode"},
		"deadlines":            {task.KindEnforceDeadlines, `{}`, "", ""},
		"deadlines and more":   {task.KindEnforceDeadlines, `{"a": 1}`, order.CodeInvalid, "a"},
		"export":               {task.KindExport, `{"what": "ORDERS"}`, "", ""},
		"export of what":       {task.KindExport, `{"what": "USERS"}`, order.CodeInvalid, "what"},
		"export of nothing":    {task.KindExport, `{}`, order.CodeRequired, "what"},
		"retention":            {task.KindRetention, `{"keep": {"SUCCESS": "P14D", "FAILURE": "P90D", "REVOKED": "P90D"}, "archive": true}`, "", ""},
		"retention as it is":   {task.KindRetention, `{}`, "", ""},
		"retention too short":  {task.KindRetention, `{"keep": {"SUCCESS": "PT1H"}}`, order.CodeInvalid, "keep.SUCCESS"},
		"retention of what":    {task.KindRetention, `{"keep": {"RETRY": "P1D"}}`, order.CodeInvalid, "keep.RETRY"},
		"retention by two":     {task.KindRetention, `{"keep": {"FAILURE": "P1D", "REVOKED": "P2D"}}`, order.CodeInvalid, "keep.REVOKED"},
		"retention in words":   {task.KindRetention, `{"keep": {"FAILURE": "a day"}}`, order.CodeInvalid, "keep.FAILURE"},
		"ping":                 {task.KindWebhookPing, `{"url": "https://example.com/ping"}`, "", ""},
		"ping nobody":          {task.KindWebhookPing, `{}`, order.CodeRequired, "url"},
		"ping a file":          {task.KindWebhookPing, `{"url": "file:///etc/passwd"}`, order.CodeInvalid, "url"},
		"ping with a password": {task.KindWebhookPing, `{"url": "https://a:b@example.com"}`, order.CodeInvalid, "url"},
		"ping inside":          {task.KindWebhookPing, `{"url": "https://inside.example"}`, order.CodeForbidden, "url"},
		"order":                {task.KindCreateOrder, template, "", ""},
		"order of nothing":     {task.KindCreateOrder, `{}`, order.CodeRequired, "order"},
		"order without lines": {
			task.KindCreateOrder, order1(`"lines": [{"serviceType": "poster-a3", "quantity": 2}]`, `"pacing": null`),
			order.CodeRequired, "order.lines",
		},
		"order of too many": {task.KindCreateOrder, order1(`: 2`, `: 2000000`), order.CodeOutOfRange, "order.lines.0.quantity"},
		"order to nowhere": {
			task.KindCreateOrder, order1(`"name"`, `"countryCode": "XX", "name"`),
			order.CodeInvalid, "order.destination.countryCode",
		},
		"order by a key": {
			task.KindCreateOrder, order1(`"category"`, `"idempotencyKey": "k", "category"`),
			order.CodeInvalid, "order.idempotencyKey",
		},
		"order by a variable":   {task.KindCreateOrder, order1(`Ada`, `{{name}}`), order.CodeInvalid, "order.destination.name"},
		"the same order":        {task.KindCreateOrder, order1(`-{{run}}`, ``), order.CodeInvalid, "order.reference"},
		"the same order by day": {task.KindCreateOrder, order1(`run`, `date`), order.CodeInvalid, "order.reference"},
		"an order each hour":    {task.KindCreateOrder, order1(`run`, `date}}{{time`), "", ""},
		"late orders":           {task.KindCreateOrder, order1(`{"order"`, `{"deadlineAfter": "P7D", "order"`), "", ""},
		"two deadlines": {
			task.KindCreateOrder, order1(`{"order": {`, `{"deadlineAfter": "P7D", "order": {"deadline": "2099-01-01T00:00:00Z", `),
			order.CodeInvalid, "deadlineAfter",
		},
		"a passed deadline": {
			task.KindCreateOrder, order1(`"category"`, `"deadline": "2020-01-01T00:00:00Z", "category"`),
			order.CodeOutOfRange, "order.deadline",
		},
		"paced without deadline": {
			task.KindCreateOrder, order1(`"category"`, `"pacing": {"mode": "EVEN", "slices": 3}, "category"`),
			order.CodeRequired, "order.deadline",
		},
		"an unknown policy": {
			task.KindCreateOrder, order1(`"category"`, `"routingPolicyId": "$none", "category"`),
			order.CodeNotFound, "order.routingPolicyId",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made, err := s.Create(t.Context(), s.who, hourly(func(in *scheduling.Input) {
				in.Action, in.Arguments = tt.action, json.RawMessage(fill.Replace(tt.arguments))
			}))
			if tt.code == "" {
				wantFault(t, err, "", "")
				return
			}
			field := []string{"arguments"}
			if tt.field != "" {
				field = append(field, strings.Split(tt.field, ".")...)
			}
			wantFault(t, err, tt.code, field...)
			if made != nil {
				t.Error("it was made")
			}
		})
	}
}

// A reference that is the same each time is fine where there is just one run.
func TestOneRunMayHaveAnyReference(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for name, change := range map[string]func(*scheduling.RuleInput){
		"once": func(r *scheduling.RuleInput) {
			*r = scheduling.RuleInput{Kind: schedule.Once, StartsAt: new(time.Now().Add(time.Hour))}
		},
		"one run": func(r *scheduling.RuleInput) { r.MaxRuns = new(1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Create(t.Context(), s.who, hourly(func(in *scheduling.Input) {
				in.Action, in.Arguments = task.KindCreateOrder, arguments(`{"order": {"reference": "A", "category": "prints", "destination": {},
					"lines": [{"serviceType": "poster-a3", "quantity": 2}]}}`)
				change(&in.Rule)
			}))
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhoMayMakeWhat(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	provider, placed := s.provider(), s.place(nil)
	sync := func(in *scheduling.Input) {
		in.Action, in.Arguments = task.KindSyncOffers, arguments(`{"providerId": "`+provider.ID.String()+`", "mode": "APPLY"}`)
	}
	_, err := s.Create(t.Context(), s.as(account.Operator, false), hourly(sync))
	wantFault(t, err, order.CodeForbidden, "action")
	made := s.make(sync)
	_, err = s.Pause(t.Context(), s.as(account.Operator, false), made.ID)
	wantFault(t, err, order.CodeForbidden, "id")

	_, err = s.Create(t.Context(), s.account("second"), hourly(func(in *scheduling.Input) {
		in.Action, in.Arguments = task.KindRetention, arguments(`{}`)
	}))
	wantFault(t, err, order.CodeForbidden, "action")

	_, err = s.Create(t.Context(), s.as(account.Operator, true), hourly(func(in *scheduling.Input) {
		in.Action, in.Arguments = task.KindProcessOrder, arguments(`{"orderId": "`+placed.ID.String()+`"}`)
	}))
	wantFault(t, err, order.CodeForbidden, "arguments", "orderId")
	_, err = s.Pause(t.Context(), s.as(account.Admin, true), s.make(nil).ID)
	wantFault(t, err, order.CodeForbidden, "id")
	tried, err := s.Create(t.Context(), s.as(account.Operator, true), hourly(nil))
	if err != nil || !tried.TestMode {
		t.Errorf("made with a test-mode key: %+v, %v", tried, err)
	}
}

func TestUnknownSchedules(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	made := s.make(nil)
	other := s.account("other")
	paced := s.place(func(d *order.Draft) {
		d.Deadline = new(time.Now().Add(time.Hour))
		d.Pacing = &order.Pacing{Mode: order.PaceEven, Slices: 2}
	})
	own := id.Of(paced.ID, id.OrderPacing)
	for name, tt := range map[string]struct {
		who  account.Principal
		id   uuid.UUID
		want order.Code
	}{
		"another account's":          {other, made.ID, order.CodeNotFound},
		"nobody's":                   {s.who, id.New(id.Schedule), order.CodeNotFound},
		"an order's own":             {s.who, own, order.CodeForbidden},
		"another account's order's":  {other, own, order.CodeNotFound},
		"an order's that has no own": {s.who, id.Of(paced.ID, id.OrderPolling), order.CodeNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, do := range []func() error{
				func() error { _, err := s.Pause(t.Context(), tt.who, tt.id); return err },
				func() error { _, err := s.Resume(t.Context(), tt.who, tt.id); return err },
				func() error { _, err := s.Delete(t.Context(), tt.who, tt.id); return err },
				func() error { _, err := s.Run(t.Context(), tt.who, tt.id, ""); return err },
				func() error { _, err := s.Update(t.Context(), tt.who, tt.id, scheduling.Change{}); return err },
			} {
				faults, known := order.FaultsOf(do(), "id")
				if !known || len(faults) != 1 || faults[0].Code != tt.want {
					t.Errorf("%v, want %s", faults, tt.want)
				}
			}
		})
	}
}
