-- The telemetry store. Written by ingestion, read by telemetry-query through the views of schema "tenant".

CREATE EXTENSION IF NOT EXISTS timescaledb;

-- Replica of DeviceProvisioning's devices; a newer version replaces an older one.
CREATE TABLE devices (
    device_id    uuid PRIMARY KEY,
    tenant_id    uuid,
    device_label text,
    status       text NOT NULL,
    version      bigint NOT NULL,
    applied_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX devices_label ON devices (tenant_id, device_label);
CREATE INDEX devices_applied_at ON devices (applied_at);
ALTER TABLE devices ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON devices USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON devices TO {{system}};

-- form tells how the payload is kept: 1 = {"value": value}; 2 = {"value": value, "ts": time in epoch milliseconds}; 0 = payload as it is.
-- No row-level security here: a hypertable that may be compressed cannot have it. No caller's role has any right on it.
CREATE TABLE readings (
    tenant_id   uuid NOT NULL,
    device_id   uuid NOT NULL,
    slot        smallint NOT NULL CHECK (slot >= 0),
    time        timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    form        smallint NOT NULL,
    value       double precision,
    payload     jsonb,
    bytes       integer NOT NULL,
    CHECK (CASE form WHEN 0 THEN payload IS NOT NULL AND value IS NULL ELSE form IN (1, 2) AND value IS NOT NULL AND payload IS NULL END)
);
SELECT create_hypertable('readings', by_range('time', interval '1 day'), create_default_indexes => false);
-- The tenant first, so that a device that changes hands brings no history along.
CREATE UNIQUE INDEX readings_identity ON readings (tenant_id, device_id, slot, time DESC);
GRANT SELECT, INSERT ON readings TO {{system}};

-- The newest reading of each slot, moved in the same transaction that stores the reading.
CREATE TABLE latest (
    tenant_id   uuid NOT NULL,
    device_id   uuid NOT NULL,
    slot        smallint NOT NULL,
    time        timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    form        smallint NOT NULL,
    value       double precision,
    payload     jsonb,
    PRIMARY KEY (tenant_id, device_id, slot)
) WITH (fillfactor = 70);
ALTER TABLE latest ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON latest USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON latest TO {{system}};

-- Messages that were refused, counted. tenant_id is the device's own; NULL when the device is not known.
CREATE TABLE rejections (
    tenant_id uuid,
    device_id uuid,
    reason    text NOT NULL,
    minute    timestamptz NOT NULL,
    count     bigint NOT NULL,
    sample    bytea NOT NULL,
    topic     text NOT NULL,
    last_at   timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (tenant_id, device_id, reason, minute)
);
ALTER TABLE rejections ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON rejections USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON rejections TO {{system}};
GRANT SELECT ON rejections TO {{app}};

-- The payload as it was sent.
CREATE FUNCTION payload_of(form smallint, value double precision, payload jsonb, "time" timestamptz) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE form
        WHEN 1 THEN jsonb_build_object('value', value)
        WHEN 2 THEN jsonb_build_object('value', value, 'ts', (extract(epoch FROM "time") * 1000)::bigint)
        ELSE payload
    END;

-- For people who query by SQL as the owner.
CREATE VIEW telemetry AS
    SELECT tenant_id, device_id, slot, payload_of(form, value, payload, time) AS value, time AS "timestamp" FROM readings;

-- All that the reader role may see: the tenant of its transaction. Plain views owned by another role, not security_barrier (it read
-- 50,000 rows where these read 1); the reader can create nothing that would make the filter leak.
CREATE SCHEMA tenant;
CREATE VIEW tenant.devices AS SELECT device_id, device_label, status FROM devices WHERE tenant_id = current_tenant();
CREATE VIEW tenant.latest AS
    SELECT device_id, slot, payload_of(form, value, payload, time) AS value, time FROM latest WHERE tenant_id = current_tenant();
CREATE VIEW tenant.readings AS
    SELECT device_id, slot, time, received_at, form, value, payload, payload_of(form, value, payload, time) AS sent
    FROM readings WHERE tenant_id = current_tenant();

GRANT USAGE, CREATE ON SCHEMA tenant TO telemetry_views;
GRANT USAGE ON SCHEMA public TO telemetry_views;
GRANT SELECT ON devices, latest, readings TO telemetry_views;
ALTER VIEW tenant.devices OWNER TO telemetry_views;
ALTER VIEW tenant.latest OWNER TO telemetry_views;
ALTER VIEW tenant.readings OWNER TO telemetry_views;
GRANT USAGE ON SCHEMA tenant TO telemetry_query;
-- The owner is a member of telemetry_views only as SET ROLE, so the grant on what that role owns now is made as that role.
SET LOCAL ROLE telemetry_views;
GRANT SELECT ON tenant.devices, tenant.latest, tenant.readings TO telemetry_query;
RESET ROLE;
