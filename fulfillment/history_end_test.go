package fulfillment_test

import (
	"errors"

	"github.com/boostress/boostress/order"
	"github.com/boostress/boostress/store"
	"github.com/boostress/boostress/task"
)

// end has the workers of a history write what they know, late as it is, and fresh ones bring everything to its end.
func (p *play) end() {
	p.t.Helper()
	p.exec("UPDATE workers SET heartbeat_at = 'epoch'")
	_, err := p.Reap(p.ctx(), term, 1000)
	must(p.t, err)
	for _, h := range p.hands {
		must(p.t, p.record(h))
	}
	for _, w := range p.worlds {
		w.mu.Lock()
		w.calm = true
		w.mu.Unlock()
		w.releaseAll()
	}
	heir := &hand{id: p.register()}
	const most = 60
	var open []string
	for range most {
		p.passes()
		p.exec("UPDATE attempts SET started_at = started_at - interval '1 hour' WHERE finished_at IS NULL OR state = 'UNKNOWN'")
		p.exec("UPDATE fulfillments SET updated_at = updated_at - interval '1 hour' WHERE status = 'UNKNOWN'")
		_, err := p.ApplyDeadlines(p.ctx(), 100)
		must(p.t, err)
		heir.tasks, err = p.store.TaskClaimDue(p.ctx(), heir.id, term, task.QueueDispatch, 100)
		must(p.t, err)
		must(p.t, p.intend(heir))
		p.callAll(heir)
		must(p.t, p.record(heir))
		for _, w := range p.worlds {
			for range w.providers {
				must(p.t, w.poll())
			}
		}
		open = query[string](p.stand, `SELECT concat_ws(' ', f.status, f.failure, f.external_id, f.next_poll_at, f.provider_id) FROM fulfillments f
			WHERE (f.status NOT IN ('FULFILLED', 'FAILED', 'CANCELED', 'REJECTED', 'UNROUTABLE') OR f.status = 'FULFILLED' AND reserved > 0)
			  AND NOT EXISTS (SELECT FROM attempts a WHERE a.fulfillment_id = f.id AND a.state = 'MANUAL')`)
		if len(open) == 0 {
			p.giveUp()
			return
		}
	}
	p.t.Errorf("still open: %v", open)
}

// giveUp cancels what no provider takes: a change of the catalog would bring it into a later history.
func (p *play) giveUp() {
	p.t.Helper()
	for _, w := range p.worlds {
		for _, o := range w.placed {
			var faults order.Faults
			_, err := w.CancelOrder(w.ctx(), w.who, o.ID)
			if err != nil && !errors.Is(err, order.ErrFulfilled) && !errors.As(err, &faults) {
				p.t.Errorf("give up: %v", err)
			}
		}
	}
	p.exec("UPDATE workers SET heartbeat_at = 'epoch'")
}

// check compares the database with itself and with the providers' ledger.
func (p *play) check() {
	p.t.Helper()
	p.wantInvariants()
	var lines []store.LedgerLine
	for _, w := range p.worlds {
		lines = append(lines, w.ledger()...)
	}
	violations, err := p.store.CheckLedger(p.ctx(), lines)
	must(p.t, err)
	for _, violation := range violations {
		p.t.Error(violation)
	}
	if circles := query[int](p.stand, "SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()")[0]; circles > 0 {
		p.t.Errorf("%d transactions waited for each other in a circle", circles)
	}
}
