-- The audit log of every service. No runtime role may UPDATE, DELETE or TRUNCATE: what is recorded stays.

CREATE TABLE audit (
    seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id       uuid NOT NULL CONSTRAINT audit_event_unique UNIQUE,
    tenant_id      uuid,
    user_id        uuid,
    device_id      uuid,
    event_type     text NOT NULL,
    event_category text NOT NULL,
    severity       text NOT NULL,
    actor_type     text NOT NULL,
    actor_id       text,
    resource_type  text,
    resource_id    text,
    action         text NOT NULL,
    result         text NOT NULL,
    ip_address     text,
    user_agent     text,
    request_id     text,
    metadata       jsonb,
    timestamp      timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_tenant_time ON audit (tenant_id, timestamp DESC, seq DESC);
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit USING (tenant_id = current_tenant());
GRANT SELECT ON audit TO {{app}};
GRANT SELECT, INSERT ON audit TO {{system}};
