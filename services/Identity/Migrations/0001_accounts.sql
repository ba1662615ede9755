-- Tenants, their users, and the refresh tokens of their sessions.
-- Callers' roles read their own tenant's rows; writing is work of the system role (register, login, refresh, commands).

CREATE TABLE tenants (
    id         uuid PRIMARY KEY,
    status     text NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
    created_at timestamptz NOT NULL
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING (id = current_tenant());
GRANT SELECT ON tenants TO {{app}};
GRANT SELECT, INSERT, UPDATE ON tenants TO {{system}};

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    -- A super-admin, and nobody else, has no tenant.
    tenant_id     uuid REFERENCES tenants,
    -- Kept in lower case, so that plain uniqueness is uniqueness regardless of case.
    email         text NOT NULL CONSTRAINT users_email_unique UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL,
    role          text NOT NULL CHECK (role IN ('super_admin', 'tenant_admin', 'tenant_user')),
    status        text NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
    created_at    timestamptz NOT NULL,
    last_login_at timestamptz,
    CHECK ((role = 'super_admin') = (tenant_id IS NULL))
);
CREATE INDEX users_tenant ON users (tenant_id, created_at);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON users USING (tenant_id = current_tenant());
GRANT SELECT ON users TO {{app}};
GRANT SELECT, INSERT, UPDATE ON users TO {{system}};

-- One row for each token handed out. A family is one session: a login and all that was rotated out of it.
CREATE TABLE refresh_tokens (
    id         uuid PRIMARY KEY,
    family_id  uuid NOT NULL,
    user_id    uuid NOT NULL REFERENCES users,
    tenant_id  uuid REFERENCES tenants,
    -- SHA-256 of the token; whoever reads this table can use none of it.
    hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz
);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id, expires_at);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON refresh_tokens USING (tenant_id = current_tenant());
GRANT SELECT ON refresh_tokens TO {{app}};
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_tokens TO {{system}};
