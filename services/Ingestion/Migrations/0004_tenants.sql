-- Replica of Identity's tenants, as far as it matters here; a newer version replaces an older one. One that is not in it was never suspended.
CREATE TABLE tenants (
    tenant_id uuid PRIMARY KEY,
    status    text NOT NULL,
    version   bigint NOT NULL
);
CREATE INDEX tenants_shut_out ON tenants (tenant_id) WHERE status <> 'active';
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE ON tenants TO {{system}};
