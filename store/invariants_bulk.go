package store

// bulkRules check what invariants 7 and 8 mean for bulk operations: none is stuck, and each row counts once. Operations
// that retention is about to drop are left out: their rows go first.
func bulkRules() []rule {
	const kept = "(o.finished_at IS NULL OR o.finished_at > now() - interval '29 days')"
	return []rule{
		{7, "a bulk operation that has not ended has a task", `
			SELECT 'operation ' || o.id || ' is ' || o.state FROM bulk_operations o
			WHERE o.finished_at IS NULL AND NOT EXISTS (SELECT FROM tasks t WHERE t.unique_key = 'bulk:' || o.id)`},
		{7, "a bulk operation has ended exactly when its state is final, and succeeded when no row is left", `
			SELECT 'operation ' || id || ' is ' || state FROM bulk_operations
			WHERE (finished_at IS NULL) <> (state IN ('PENDING', 'RUNNING'))
			   OR (state = 'SUCCEEDED') <> (done + failed = total)
			   OR state = 'PENDING' AND done + failed > 0`},
		{8, "a bulk operation counts each of its rows once, and works them off in their order", `
			SELECT 'operation ' || o.id || ' counts ' || o.done || ' and ' || o.failed || ' of ' || o.total
			FROM bulk_operations o
			LEFT JOIN (SELECT operation_id, count(*) AS total, count(*) FILTER (WHERE outcome = 'SUCCEEDED') AS done,
					count(*) FILTER (WHERE outcome = 'FAILED') AS failed, min(position) AS lowest, max(position) AS highest,
					max(position) FILTER (WHERE outcome <> 'PENDING') AS last
				FROM bulk_rows GROUP BY 1) r ON r.operation_id = o.id
			WHERE ` + kept + `
			  AND (coalesce(r.total, 0) <> o.total OR coalesce(r.done, 0) <> o.done OR coalesce(r.failed, 0) <> o.failed
				OR r.lowest <> 0 OR r.highest <> o.total - 1 OR coalesce(r.last, -1) <> o.done + o.failed - 1)`},
		{8, "exactly the rows that failed say why", `
			SELECT 'operation ' || operation_id || ' row ' || position FROM bulk_rows
			WHERE (outcome = 'FAILED') <> (code <> '') OR outcome NOT IN ('PENDING', 'SUCCEEDED', 'FAILED')`},
		{1, "every bulk row belongs to an operation of its account", `
			SELECT DISTINCT 'operation ' || r.operation_id FROM bulk_rows r
			WHERE NOT EXISTS (SELECT FROM bulk_operations o WHERE o.id = r.operation_id AND o.account_id = r.account_id)`},
	}
}
