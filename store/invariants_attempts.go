package store

// attemptRules check invariant 2.
func attemptRules() []rule {
	return []rule{
		{2, "an order at a provider belongs to one fulfillment", `
			SELECT 'provider ' || provider_id || ' order ' || external_id FROM fulfillments WHERE external_id IS NOT NULL
			GROUP BY provider_id, external_id HAVING count(*) > 1`},
		{2, "while an outcome is open, the fulfillment stays with that provider under that key, and is not replaced", `
			SELECT 'attempt ' || a.id FROM attempts a JOIN fulfillments f ON f.id = a.fulfillment_id
			WHERE a.operation = 'CREATE' AND a.state IN ('IN_FLIGHT', 'UNKNOWN', 'RECONCILING', 'MANUAL')
			  AND (f.provider_id IS DISTINCT FROM a.provider_id
				OR a.key IS DISTINCT FROM replace(f.id::text, '-', '') || '-'
					|| substr(replace(f.provider_id::text, '-', ''), 17, 8) || '-' || f.generation
				OR f.status NOT IN ('SUBMITTING', 'UNKNOWN')
				OR EXISTS (SELECT FROM fulfillments n WHERE n.replaces_id = f.id))`},
		{2, "what is being submitted, or is unknown, has a call whose outcome is open", `
			SELECT 'fulfillment ' || f.id FROM fulfillments f
			WHERE f.status IN ('SUBMITTING', 'UNKNOWN')
			  AND NOT EXISTS (SELECT FROM attempts a WHERE a.fulfillment_id = f.id AND a.operation = 'CREATE'
				AND (f.status = 'SUBMITTING' AND a.state = 'IN_FLIGHT'
					OR f.status = 'UNKNOWN' AND a.state IN ('UNKNOWN', 'RECONCILING', 'MANUAL')))`},
		{2, "a fulfillment has one accepted key at most", `
			SELECT 'fulfillment ' || fulfillment_id FROM attempts WHERE operation = 'CREATE' AND state = 'ACCEPTED'
			GROUP BY fulfillment_id HAVING count(DISTINCT key) > 1`},
		{2, "what is at a provider was accepted there", `
			SELECT 'fulfillment ' || f.id FROM fulfillments f
			WHERE f.status IN ('SUBMITTED', 'IN_PROGRESS', 'PARTIALLY_FULFILLED', 'CANCEL_REQUESTED', 'FULFILLED')
			  AND NOT EXISTS (SELECT FROM attempts a WHERE a.fulfillment_id = f.id AND a.provider_id = f.provider_id
				AND a.operation = 'CREATE' AND a.state = 'ACCEPTED')`},
		{2, "a provider that is excluded is not asked again", `
			SELECT 'fulfillment ' || id FROM fulfillments WHERE provider_id = ANY(excluded)`},
		{2, "of each provider, the fulfillments that it holds or may hold are counted", `
			SELECT 'provider ' || p.id || ' holds ' || count(f.id) || ', counted are ' || p.open
			FROM providers p
			LEFT JOIN fulfillments f ON f.provider_id = p.id
			  AND f.status IN ('SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'IN_PROGRESS', 'PARTIALLY_FULFILLED', 'CANCEL_REQUESTED')
			GROUP BY p.id, p.open HAVING count(f.id) <> p.open`},
		{2, "one task at a time brings a fulfillment to a provider", `
			SELECT 'fulfillment ' || fulfillment_id FROM tasks WHERE kind = 'DISPATCH'
			GROUP BY fulfillment_id HAVING count(*) > 1`},
	}
}
