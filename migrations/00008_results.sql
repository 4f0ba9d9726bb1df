-- +goose Up
-- What providers hand over for fulfillments: tracking numbers, codes, files, texts. A new table: no lock on any other but for
-- the reference to fulfillments, which is short.
SET LOCAL lock_timeout = '5s';

CREATE TABLE fulfillment_results (
    id uuid CONSTRAINT fulfillment_results_pkey PRIMARY KEY,
    account_id uuid NOT NULL,
    fulfillment_id uuid NOT NULL CONSTRAINT fulfillment_results_fulfillment_fkey REFERENCES fulfillments ON DELETE CASCADE,
    external_id text NOT NULL, -- the provider's own
    kind text NOT NULL, -- TRACKING, CODE, FILE or TEXT
    label text NOT NULL DEFAULT '',
    value text NOT NULL DEFAULT '',
    url text NOT NULL DEFAULT '',
    carrier text NOT NULL DEFAULT '',
    secret boolean NOT NULL DEFAULT false,
    sealed bytea, -- of a secret one: its value and url, sealed to its id
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT fulfillment_results_external_key UNIQUE (fulfillment_id, external_id),
    CONSTRAINT fulfillment_results_secret_check CHECK (secret = (sealed IS NOT NULL) AND (NOT secret OR value = '' AND url = ''))
);
