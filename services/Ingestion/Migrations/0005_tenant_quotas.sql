-- Replica of BillingQuota's plans and quotas; a newer version replaces an older one. 0 means unlimited; retention_days is null when the
-- publisher did not know of it.
CREATE TABLE tenant_quotas (
    tenant_id          uuid PRIMARY KEY,
    plan_type          text NOT NULL,
    billing_cycle      text NOT NULL,
    quota_devices      integer NOT NULL,
    quota_msgs_per_min integer NOT NULL,
    quota_storage_mb   integer NOT NULL,
    allow_overage      boolean NOT NULL,
    retention_days     integer,
    version            bigint NOT NULL,
    applied_at         timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE tenant_quotas ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_quotas USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE ON tenant_quotas TO {{system}};
