-- Keys that programs act with: a tenant's, or the platform's own.

CREATE TABLE api_keys (
    id           uuid PRIMARY KEY,
    -- Null for a platform-wide key.
    tenant_id    uuid REFERENCES tenants,
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- How a person tells keys apart: the beginning of the key, of which nothing else is kept but the SHA-256.
    prefix       text NOT NULL,
    hash         bytea NOT NULL CONSTRAINT api_keys_hash_unique UNIQUE CHECK (length(hash) = 32),
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),
    -- The user; null when it came from the configuration. The key is its tenant's, and outlives the user's account.
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    -- Written at most once a minute.
    last_used_at timestamptz,
    last_used_ip text,
    CHECK (tenant_id IS NULL OR NOT scopes && ARRAY ['system:admin', 'tenants:write', 'devices:manufacture'])
);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id, id);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_keys USING (tenant_id = current_tenant());
-- Callers never read what a key is compared with, and change nothing of it but that it is revoked.
GRANT SELECT (id, tenant_id, name, prefix, scopes, created_by, created_at, expires_at, revoked_at, last_used_at, last_used_ip),
    INSERT, UPDATE (revoked_at) ON api_keys TO {{app}};
GRANT SELECT, INSERT, UPDATE ON api_keys TO {{system}};
