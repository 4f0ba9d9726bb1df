-- +goose Up
-- Routing by policies. Columns with a constant default or none: no table is rewritten, and the locks are short.
SET LOCAL lock_timeout = '5s';

CREATE TABLE routing_policies (
    id uuid CONSTRAINT routing_policies_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT routing_policies_account_fkey REFERENCES accounts,
    name text NOT NULL,
    version integer NOT NULL, -- of this name, from 1
    state text NOT NULL DEFAULT 'DRAFT', -- DRAFT, PUBLISHED or ARCHIVED
    category text, -- of the orders that it is for; NULL: none in particular
    is_default boolean NOT NULL DEFAULT false, -- for orders that no other one is for
    rules jsonb NOT NULL,
    fallback_id uuid, -- any version of the policy that is asked where nothing matches; the published one answers
    late_action text NOT NULL DEFAULT 'ATTENTION', -- what happens when progress is late
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz,
    archived_at timestamptz,
    CONSTRAINT routing_policies_version_key UNIQUE (account_id, name, version)
);
CREATE INDEX routing_policies_account_idx ON routing_policies (account_id, created_at, id);
CREATE UNIQUE INDEX routing_policies_published_idx ON routing_policies (account_id, name) WHERE state = 'PUBLISHED';

-- Goes up whenever a policy is published: what was read of them is kept until then.
ALTER TABLE accounts ADD COLUMN policies_version bigint NOT NULL DEFAULT 0;

ALTER TABLE routing_decisions
    ADD COLUMN policy_id uuid, -- NULL: no policy, only what holds without one
    ADD COLUMN policy_version integer NOT NULL DEFAULT 0,
    ADD COLUMN scorers text[] NOT NULL DEFAULT '{}', -- what the candidates' scores are of
    ADD COLUMN passed jsonb, -- the policies before it, which matched nothing
    ADD COLUMN quantity integer NOT NULL DEFAULT 0, -- that was to be placed
    ADD COLUMN considered integer NOT NULL DEFAULT 0, -- candidates; not all may have been kept
    ADD COLUMN cost numeric(20,6), -- of what the chosen offer takes
    ADD COLUMN expected_ms bigint; -- until it is fulfilled, as measured; NULL: nobody knows

ALTER TABLE providers
    ADD COLUMN open integer NOT NULL DEFAULT 0, -- fulfillments that it holds, or may hold, and that have not ended
    ADD COLUMN chosen_at timestamptz; -- when routing last gave it a fulfillment

UPDATE providers p SET open = f.open
FROM (SELECT provider_id, count(*) AS open FROM fulfillments
      WHERE status IN ('SUBMITTING', 'UNKNOWN', 'SUBMITTED', 'IN_PROGRESS', 'PARTIALLY_FULFILLED', 'CANCEL_REQUESTED')
      GROUP BY provider_id) f
WHERE p.id = f.provider_id;

ALTER TABLE offers ADD COLUMN given_at timestamptz; -- when it was last given a fulfillment, of those with a cool-down
