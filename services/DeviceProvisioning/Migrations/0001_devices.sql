-- One sequence for all devices: a replica that holds version n has seen everything older, however it came.
CREATE SEQUENCE device_version;
GRANT USAGE ON SEQUENCE device_version TO {{app}}, {{system}};

-- fillfactor: last_seen_at moves about once a minute, and a page with room takes that without touching an index.
CREATE TABLE devices (
    id               uuid PRIMARY KEY,
    tenant_id        uuid,
    device_label     text UNIQUE CHECK (char_length(device_label) BETWEEN 1 AND 50),
    status           text NOT NULL CHECK (status IN ('unclaimed', 'claimed', 'active', 'suspended', 'revoked')),
    owner_user_id    uuid,
    hardware_id      text UNIQUE,
    firmware_version text,
    last_seen_at     timestamptz,
    created_at       timestamptz NOT NULL,
    version          bigint NOT NULL DEFAULT nextval('device_version'),
    CHECK (CASE status WHEN 'unclaimed' THEN tenant_id IS NULL WHEN 'revoked' THEN true ELSE tenant_id IS NOT NULL END)
) WITH (fillfactor = 80);
CREATE INDEX devices_newest_first ON devices (tenant_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX devices_version ON devices (version);

ALTER TABLE devices ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON devices USING (tenant_id = current_tenant());
GRANT SELECT, INSERT ON devices TO {{app}};
GRANT SELECT, UPDATE ON devices TO {{system}};

-- A secret passes within its window, and only while the device is still its tenant's. Several may at once: rotation overlaps.
-- valid_from is the server's own time, so that a secret is good at once whichever instance is asked.
CREATE TABLE credentials (
    id            uuid PRIMARY KEY,
    device_id     uuid NOT NULL REFERENCES devices ON DELETE CASCADE,
    tenant_id     uuid NOT NULL,
    secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
    valid_from    timestamptz NOT NULL DEFAULT now(),
    valid_until   timestamptz CHECK (valid_until >= valid_from)
);
CREATE INDEX credentials_device_id ON credentials (device_id);

ALTER TABLE credentials ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON credentials USING (tenant_id = current_tenant());
-- Callers never read what a secret is compared with.
GRANT SELECT (id, device_id, tenant_id, valid_from, valid_until), INSERT ON credentials TO {{app}};
GRANT SELECT ON credentials TO {{system}};

-- Replica of BillingQuota's quotas; a newer version replaces an older one. 0 devices means unlimited.
CREATE TABLE tenant_quotas (
    tenant_id     uuid PRIMARY KEY,
    plan_type     text NOT NULL,
    quota_devices integer NOT NULL,
    version       bigint NOT NULL
);

ALTER TABLE tenant_quotas ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_quotas USING (tenant_id = current_tenant());
GRANT SELECT ON tenant_quotas TO {{app}};
GRANT SELECT, INSERT, UPDATE ON tenant_quotas TO {{system}};
