-- What must stop passing before it expires. Every gateway reads what is newer than it has seen; a credential carries the newest version
-- of its time, and is refused when its user, tenant, session or key has a newer one.

CREATE TABLE revocations (
    -- Given under a lock that is held until the commit: whoever has seen one version has seen all before it.
    version    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('user', 'tenant', 'session', 'api_key')),
    subject_id uuid NOT NULL,
    -- The subject's tenant: a credential's version only ever meets revocations of its own tenant.
    tenant_id  uuid,
    at         timestamptz NOT NULL
);
CREATE INDEX revocations_tenant ON revocations (tenant_id, version);
CREATE INDEX revocations_at ON revocations (at);
ALTER TABLE revocations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON revocations USING (tenant_id = current_tenant());
GRANT SELECT, INSERT ON revocations TO {{app}};
GRANT SELECT, INSERT, DELETE ON revocations TO {{system}};
