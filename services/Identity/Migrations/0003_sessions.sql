-- A session is a row of its own (it was only the family id that its refresh tokens shared): it can be shown, and ended in one place.

CREATE TABLE sessions (
    id           uuid PRIMARY KEY,
    user_id      uuid NOT NULL REFERENCES users,
    tenant_id    uuid REFERENCES tenants,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    -- When the newest refresh token expires.
    expires_at   timestamptz NOT NULL,
    -- Of its last use.
    ip_address   text,
    user_agent   text,
    ended_at     timestamptz
);
CREATE INDEX sessions_user ON sessions (user_id, expires_at);
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sessions USING (tenant_id = current_tenant());
GRANT SELECT ON sessions TO {{app}};
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO {{system}};

INSERT INTO sessions (id, user_id, tenant_id, created_at, last_used_at, expires_at, ended_at)
SELECT family_id, user_id, tenant_id, min(created_at), max(created_at), max(expires_at),
       CASE WHEN bool_and(revoked_at IS NOT NULL OR used_at IS NOT NULL) THEN coalesce(max(revoked_at), now()) END
FROM refresh_tokens GROUP BY family_id, user_id, tenant_id;

DROP INDEX refresh_tokens_user;
ALTER TABLE refresh_tokens RENAME COLUMN family_id TO session_id;
ALTER INDEX refresh_tokens_family RENAME TO refresh_tokens_session;
ALTER TABLE refresh_tokens
    ADD FOREIGN KEY (session_id) REFERENCES sessions ON DELETE CASCADE,
    DROP COLUMN user_id,
    DROP COLUMN revoked_at,
    -- SHA-256 of the Idempotency-Key with which it was spent, and the random part of its successor: a retry after a lost answer is
    -- given the same successor, which only who holds the token itself can derive.
    ADD COLUMN retry_key bytea CHECK (length(retry_key) = 32),
    ADD COLUMN retry_salt bytea;
