package store_test

// of is the id of an order, or of what belongs to it, for use within a statement.
func of(reference, column string) string {
	if column == "order" {
		return "(SELECT id FROM orders WHERE reference = '" + reference + "')"
	}
	return "(SELECT f.id FROM fulfillments f JOIN orders o ON o.id = f.order_id WHERE o.reference = '" + reference + "' ORDER BY f.id DESC LIMIT 1)"
}

// breakages are statements that break an invariant each, by what the violation's rule says.
func breakages() map[string][]string {
	fulfilled, unknown, waiting := of("fulfilled", ""), of("unknown", ""), of("waiting", "")
	return map[string][]string{
		"every order has lines": {
			"DELETE FROM order_lines WHERE order_id = " + of("fulfilled", "order"),
			"DELETE FROM fulfillments WHERE id = " + fulfilled,
			"UPDATE fulfillments SET order_id = " + of("draft", "order") + " WHERE id = " + waiting,
			"DELETE FROM fulfillments WHERE order_id = " + of("canceled", "order"),
		},
		"what an idempotency key answers": {"UPDATE idempotency_keys SET result_ids = ARRAY[gen_random_uuid()] WHERE key = 'fulfilled'"},
		"every attempt belongs":           {"UPDATE attempts SET fulfillment_id = gen_random_uuid() WHERE fulfillment_id = " + fulfilled},
		"every row of order_lines":        {"DELETE FROM orders WHERE reference = 'fulfilled'"},
		"every row of fulfillments":       {"UPDATE orders SET account_id = gen_random_uuid() WHERE reference = 'fulfilled'"},
		"every row of ledger_entries":     {"DELETE FROM orders WHERE reference = 'fulfilled'"},
		"every row of events":             {"DELETE FROM orders WHERE reference = 'waiting'"},
		"every row of tasks":              {"DELETE FROM orders WHERE reference = 'waiting'"},
		"every row of holds":              {"DELETE FROM orders WHERE reference = 'held'"},
		"every row of fulfillment_results": {`INSERT INTO fulfillment_results (id, account_id, fulfillment_id, external_id, kind, created_at,
			updated_at) SELECT gen_random_uuid(), order_id, id, 'x', 'TEXT', now(), now() FROM fulfillments WHERE id = ` + fulfilled},

		"an order at a provider belongs": {"UPDATE fulfillments SET external_id = 'x-fulfilled' WHERE id = " + of("partial", "")},
		"while an outcome is open": {
			"UPDATE fulfillments SET provider_id = gen_random_uuid() WHERE id = " + unknown,
			"UPDATE fulfillments SET generation = 2 WHERE id = " + unknown,
			"UPDATE fulfillments SET status = 'RETRY_WAIT' WHERE id = " + unknown,
			"UPDATE fulfillments SET replaces_id = " + unknown + " WHERE id = " + waiting,
		},
		"what is being submitted": {
			"UPDATE attempts SET state = 'RETRYABLE' WHERE state = 'UNKNOWN'",
			"UPDATE attempts SET state = 'RETRYABLE' WHERE state = 'IN_FLIGHT' AND operation = 'CREATE'",
		},
		"a fulfillment has one accepted key": {`INSERT INTO attempts SELECT gen_random_uuid(), account_id, fulfillment_id, provider_id, operation,
			key || '0', call_number, state, class, message, latency_us, request, response, started_at, finished_at
			FROM attempts WHERE fulfillment_id = ` + fulfilled},
		"what is at a provider was accepted": {"UPDATE attempts SET state = 'RETRYABLE' WHERE fulfillment_id = " + fulfilled},
		"a provider that is excluded":        {"UPDATE fulfillments SET excluded = ARRAY[provider_id] WHERE id = " + fulfilled},
		"of each provider, the fulfillments": {
			"UPDATE providers SET open = open + 1 WHERE name = 'first'", "UPDATE fulfillments SET status = 'FULFILLED' WHERE id = " + unknown,
		},
		"one task at a time": {`INSERT INTO tasks (id, account_id, kind, queue, order_id, fulfillment_id) SELECT gen_random_uuid(), account_id,
			kind, queue, order_id, fulfillment_id FROM tasks WHERE fulfillment_id = ` + waiting},

		"fulfillments: the sums": {
			"UPDATE fulfillments SET charged = 3.51 WHERE id = " + fulfilled,
			"UPDATE fulfillments SET unit_price = 0.1 WHERE id = " + of("charge to come", ""),
		},
		"nothing is reserved": {"UPDATE fulfillments SET status = 'FAILED' WHERE id = " + of("charge to come", "")},
		"an overcharge has": {
			"UPDATE orders SET attention = '' WHERE reference = 'overcharged'",
			"UPDATE events SET kind = 'CHARGED' WHERE kind = 'OVERCHARGED'",
		},
		"an order, its fulfillments and its ledger": {
			"UPDATE fulfillments SET currency = 'USD' WHERE id = " + fulfilled,
			"UPDATE ledger_entries SET currency = 'USD' WHERE fulfillment_id = " + fulfilled,
			"UPDATE providers SET currency = 'USD'",
		},
		"orders: reserved": {
			"UPDATE orders SET budget = 3 WHERE reference = 'fulfilled'", "UPDATE orders SET reserved = -1 WHERE reference = 'waiting'",
		},
		"orders: the sums":    {"DELETE FROM ledger_entries WHERE kind = 'RELEASE' AND fulfillment_id = " + fulfilled},
		"providers: reserved": {"UPDATE providers SET budget = 3 WHERE name = 'first'"},
		"providers: the sums": {"UPDATE providers SET spent = spent + 0.000001 WHERE name = 'first'"},
		"provider_days: the sums": {
			"UPDATE provider_days SET spent = spent + 0.000001", "DELETE FROM provider_days",
			"INSERT INTO provider_days SELECT provider_id, day - 1, account_id, budget, reserved, spent, overcharge FROM provider_days",
		},
		"provider_days: reserved": {"UPDATE provider_days SET budget = 0.1", "UPDATE provider_days SET reserved = -1"},
		"a reservation counts": {
			"UPDATE ledger_entries SET day = day - 1 WHERE kind = 'RESERVATION' AND fulfillment_id = " + fulfilled,
			"UPDATE ledger_entries SET day = day - 1 WHERE kind = 'RELEASE' AND fulfillment_id = " + fulfilled,
		},

		"of each line": {
			"UPDATE fulfillments SET quantity = 5 WHERE id = " + waiting,
			"UPDATE fulfillments SET quantity = 3 WHERE id = " + waiting,
			"DELETE FROM fulfillments WHERE replaces_id IS NOT NULL AND status = 'SUBMITTED'",
		},
		"a fulfillment is replaced once": {
			"UPDATE fulfillments SET replaces_id = " + fulfilled + " WHERE id = " + waiting,
			`UPDATE fulfillments SET replaces_id = (SELECT replaces_id FROM fulfillments WHERE replaces_id IS NOT NULL LIMIT 1)
				WHERE id = ` + waiting,
		},
		"no more is delivered": {
			"UPDATE fulfillments SET delivered = 5 WHERE id = " + fulfilled, "UPDATE fulfillments SET delivered = 3 WHERE id = " + fulfilled,
		},
		"an order's quantity": {
			"UPDATE orders SET quantity = 5 WHERE reference = 'waiting'", "UPDATE orders SET delivered = 3 WHERE reference = 'fulfilled'",
		},

		"an order's events are numbered": {
			"DELETE FROM events WHERE sequence = 2 AND order_id = " + of("fulfilled", "order"),
			"DELETE FROM events WHERE sequence = 3 AND order_id = " + of("fulfilled", "order"),
			"UPDATE events SET sequence = 3 WHERE sequence = 2 AND order_id = " + of("fulfilled", "order"),
			"UPDATE events SET kind = 'CHARGED' WHERE sequence = 1 AND order_id = " + of("fulfilled", "order"),
			"UPDATE events SET kind = 'DRAFTED' WHERE sequence = 1 AND order_id = " + of("fulfilled", "order"),
			"UPDATE events SET kind = 'PLACED' WHERE sequence = 1 AND order_id = " + of("draft", "order"),
			"UPDATE events SET kind = 'PLACED' WHERE sequence = 2 AND order_id = " + of("fulfilled", "order"),
		},
		"an order is as its last event": {
			"UPDATE orders SET spent = 3.6 WHERE reference = 'fulfilled'",
			"UPDATE orders SET finished_at = finished_at + interval '1 second' WHERE reference = 'fulfilled'",
			"UPDATE orders SET updated_at = now() WHERE reference = 'waiting'",
			"UPDATE orders SET attention = 'x' WHERE reference = 'fulfilled'",
			"UPDATE orders SET priority = 3 WHERE reference = 'fulfilled'",
			"UPDATE orders SET deadline = now() + interval '1 day' WHERE reference = 'fulfilled'",
			"UPDATE orders SET deadline_action = 'CANCEL' WHERE reference = 'fulfilled'",
			"UPDATE orders SET held = true WHERE reference = 'waiting'",
		},
		"a fulfillment is as the last event": {
			"UPDATE fulfillments SET status = 'SUBMITTED' WHERE id = " + of("partial", ""),
			"UPDATE fulfillments SET status = 'SCHEDULED' WHERE id = " + waiting,
		},
		"what is scheduled has": {"UPDATE fulfillments SET scheduled_at = NULL WHERE status = 'SCHEDULED'"},
		"an order's status is what": {
			"UPDATE orders SET status = 'PROCESSING' WHERE reference = 'partial'",
			"UPDATE orders SET cancel_asked = true WHERE reference = 'failed'",
			"UPDATE orders SET expired = true WHERE reference = 'failed'",
			"UPDATE orders SET cancel_asked = true WHERE reference = 'draft'",
		},
		"an order has ended exactly": {
			"UPDATE orders SET finished_at = NULL WHERE reference = 'fulfilled'", "UPDATE orders SET finished_at = now() WHERE reference = 'waiting'",
			"UPDATE orders SET finished_at = now() WHERE reference = 'draft'",
		},
		"an order is held exactly": {
			"UPDATE orders SET held = false WHERE reference = 'held'", "UPDATE orders SET held = true WHERE reference = 'waiting'",
			"UPDATE holds SET released_at = now(), released_by = 'x'",
		},
		"nothing is submitted while": {`UPDATE events SET snapshot = (snapshot::jsonb || '{"held": true}')::json
			WHERE kind = 'FULFILLMENT_SUBMITTING' AND order_id = ` + of("partial", "order")},
		"an order's later event": {"UPDATE events SET id = -id WHERE sequence > 1 AND order_id = " + of("fulfilled", "order")},

		"what waits for a provider": {
			"DELETE FROM tasks WHERE fulfillment_id = " + waiting, "DELETE FROM tasks WHERE fulfillment_id = " + unknown,
			"UPDATE tasks SET kind = 'CANCEL' WHERE fulfillment_id = " + waiting,
		},
		"what is at a provider, or waits": {
			"UPDATE fulfillments SET next_poll_at = NULL WHERE id = " + of("partial", ""),
			"UPDATE fulfillments SET next_poll_at = NULL WHERE id = " + of("charge to come", ""),
		},
		"no deadline was passed over": {"UPDATE orders SET deadline = '2000-01-01' WHERE reference = 'waiting'"},

		"a task that runs": {
			"UPDATE tasks SET claim_token = gen_random_uuid() WHERE fulfillment_id = " + waiting,
			"UPDATE tasks SET state = 'STARTED' WHERE fulfillment_id = " + waiting,
		},
		"no claim outlives": {
			"UPDATE workers SET heartbeat_at = now() - interval '31 seconds'",
			"DELETE FROM workers; UPDATE tasks SET started_at = now() - interval '1 minute' WHERE claim_token IS NOT NULL",
		},
		"a task ends once": {
			"UPDATE task_results SET id = (SELECT id FROM task_results ORDER BY id LIMIT 1)",
			"UPDATE task_results SET id = (SELECT id FROM tasks LIMIT 1) WHERE kind = 'RETENTION'",
		},
		"a cancellation that is on its way": {"DELETE FROM tasks WHERE kind = 'CANCEL'"},

		"a slot has one run": {"INSERT INTO schedule_slots SELECT schedule_id, slot, gen_random_uuid(), fired_at FROM schedule_slots"},
		"a run belongs":      {"INSERT INTO schedule_slots SELECT gen_random_uuid(), slot, task_id, fired_at FROM schedule_slots"},
		"the runs of a schedule have": {`INSERT INTO schedule_slots SELECT schedule_id, slot + interval '1 hour', task_id, fired_at, number
			FROM schedule_slots`},
		"a slot that waits in the queue": {"UPDATE schedules SET awaits = NULL"},
		"a slot that fired within":       {"DELETE FROM task_results WHERE kind = 'RETENTION'"},

		"a bulk operation that has not ended": {"DELETE FROM tasks WHERE kind = 'BULK'"},
		"a bulk operation has ended exactly": {
			"UPDATE bulk_operations SET finished_at = now() WHERE state = 'RUNNING'",
			"UPDATE bulk_operations SET state = 'SUCCEEDED' WHERE state = 'RUNNING'",
			"UPDATE bulk_operations SET state = 'PENDING' WHERE state = 'RUNNING'",
		},
		"a bulk operation counts": {
			"UPDATE bulk_operations SET done = done - 1 WHERE state = 'RUNNING'",
			"UPDATE bulk_operations SET failed = failed + 1 WHERE state = 'RUNNING'",
			"DELETE FROM bulk_rows WHERE position = 0",
			"UPDATE bulk_rows SET position = position + 5000",
			"UPDATE bulk_rows SET outcome = 'SUCCEEDED', code = '' WHERE position = (SELECT max(position) FROM bulk_rows)",
		},
		"exactly the rows that failed": {
			"UPDATE bulk_rows SET code = 'INVALID' WHERE outcome = 'SUCCEEDED'",
			"UPDATE bulk_rows SET outcome = 'DONE' WHERE outcome = 'PENDING'",
		},
		"every bulk row belongs": {
			"DELETE FROM bulk_operations", "UPDATE bulk_rows SET account_id = gen_random_uuid() WHERE position = 0",
		},

		"a live order at a provider is known": {"UPDATE fulfillments SET external_id = 'y' WHERE id = " + of("partial", "")},
		"a live order at a provider is that": {
			"UPDATE fulfillments SET status = 'CANCELED' WHERE id = " + of("partial", ""),
			"UPDATE fulfillments SET external_id = 'x-partial' WHERE id = " + fulfilled,
		},
		"what counts as delivered": {"UPDATE fulfillments SET status = 'FULFILLED', external_id = 'z' WHERE id = " + of("partial", "")},
	}
}
