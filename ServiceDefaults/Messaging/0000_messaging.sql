-- Alike in every service: the tenant of a transaction, the outbox and the inbox.

GRANT USAGE ON SCHEMA public TO {{app}}, {{system}};

-- The tenant set for this transaction; NULL when none is, also on a reused connection, where the setting reads as the empty string.
CREATE FUNCTION current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.tenant_id', true), '')::uuid;

-- Events that committed changes still owe the others. seq gives the order, key names what the order is kept for.
CREATE TABLE outbox (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE,
    type        text NOT NULL,
    key         text NOT NULL,
    body        jsonb NOT NULL,
    occurred_at timestamptz NOT NULL
);
-- Callers may add, and never see what others added.
GRANT INSERT ON outbox TO {{app}};
GRANT SELECT, INSERT, DELETE ON outbox TO {{system}};

CREATE FUNCTION notify_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_added AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION notify_outbox();

-- Events that took effect here; the primary key makes a repeated delivery a no-op.
CREATE TABLE inbox (
    event_id    uuid NOT NULL,
    consumer    text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, consumer)
);
CREATE INDEX inbox_received_at ON inbox (received_at);
GRANT SELECT, INSERT, DELETE ON inbox TO {{system}};
