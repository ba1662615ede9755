-- Tenants with names, users that are managed, and the one-time links that let people in.

ALTER TABLE tenants
    ADD COLUMN name    text NOT NULL DEFAULT '' CHECK (length(name) <= 100),
    -- Of the state that TenantStatusChanged carries.
    ADD COLUMN version bigint NOT NULL DEFAULT 1;
UPDATE tenants t SET name = left((SELECT email FROM users u WHERE u.tenant_id = t.id ORDER BY u.created_at LIMIT 1), 100)
WHERE EXISTS (SELECT FROM users u WHERE u.tenant_id = t.id);
ALTER TABLE tenants ALTER COLUMN name DROP DEFAULT;

ALTER TABLE users
    -- Of the state that UserStatusChanged carries.
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    DROP CONSTRAINT users_email_unique;
-- Whoever was deleted may be invited again.
CREATE UNIQUE INDEX users_email_unique ON users (email) WHERE status <> 'deleted';
CREATE INDEX users_email ON users (email);
-- Callers change their own tenant's users; who they are and which tenant they belong to is never changed.
GRANT INSERT, UPDATE (password_hash, role, status, version) ON users TO {{app}};
GRANT UPDATE (ended_at) ON sessions TO {{app}};

-- A link that makes an account, good once; only the hash of its token is kept.
CREATE TABLE invitations (
    id           uuid PRIMARY KEY,
    -- Null for a super-admin's.
    tenant_id    uuid REFERENCES tenants,
    email        text NOT NULL CHECK (email = lower(email)),
    role         text NOT NULL CHECK (role IN ('super_admin', 'tenant_admin', 'tenant_user')),
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    invited_by   uuid,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    accepted_at  timestamptz,
    withdrawn_at timestamptz,
    CHECK ((role = 'super_admin') = (tenant_id IS NULL))
);
CREATE INDEX invitations_tenant ON invitations (tenant_id, id);
ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invitations USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE (withdrawn_at) ON invitations TO {{app}};
GRANT SELECT, INSERT, UPDATE, DELETE ON invitations TO {{system}};

-- A link that sets a forgotten password, good once and for an hour.
CREATE TABLE password_resets (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users,
    tenant_id  uuid REFERENCES tenants,
    hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX password_resets_user ON password_resets (user_id);
ALTER TABLE password_resets ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON password_resets USING (tenant_id = current_tenant());
GRANT SELECT, INSERT ON password_resets TO {{app}};
GRANT SELECT, INSERT, UPDATE, DELETE ON password_resets TO {{system}};
