-- Tickets with which a browser opens a live stream, whose EventSource cannot send a header: good once, and for a minute. Of whom one is, as
-- the credential said that it was asked for with.
CREATE TABLE stream_tickets (
    -- SHA-256 of the ticket, which is kept nowhere.
    hash                  bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    kind                  text NOT NULL CHECK (kind IN ('user', 'api_key')),
    -- The user or the key.
    caller_id             uuid NOT NULL,
    -- Null for a super-admin or a platform-wide key.
    tenant_id             uuid,
    session_id            uuid,
    -- The credential's rv: what was taken back since then refuses the ticket too.
    version               bigint NOT NULL,
    credential_expires_at timestamptz,
    expires_at            timestamptz NOT NULL
);
CREATE INDEX stream_tickets_expires_at ON stream_tickets (expires_at);
ALTER TABLE stream_tickets ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON stream_tickets USING (tenant_id = current_tenant());
GRANT INSERT ON stream_tickets TO {{app}};
GRANT SELECT, INSERT, DELETE ON stream_tickets TO {{system}};
