-- Answers to requests that carried an Idempotency-Key, kept for the client that asks again. The id is derived from a secret, the sender, the
-- route and the key; the answer is encrypted with a key that is derived likewise, so that this table alone tells nobody anything.
CREATE TABLE idempotency_keys (
    id          bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    -- Null for what a super-admin does on the platform's own behalf.
    tenant_id   uuid,
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    answer      bytea NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotency_keys USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO {{app}};
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO {{system}};
