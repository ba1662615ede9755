-- What each tenant may use, and what it used.

-- One sequence for all tenants: replicas page through the plans by version and keep the newest of each.
CREATE SEQUENCE tenant_plan_version;
GRANT USAGE ON SEQUENCE tenant_plan_version TO {{system}};

-- 0 means unlimited for each quota.
CREATE TABLE tenant_plans (
    tenant_id          uuid PRIMARY KEY,
    plan_type          text NOT NULL CHECK (plan_type IN ('starter', 'pro', 'enterprise')),
    billing_cycle      text NOT NULL CHECK (billing_cycle IN ('monthly', 'annual')),
    quota_devices      integer NOT NULL CHECK (quota_devices >= 0),
    quota_msgs_per_min integer NOT NULL CHECK (quota_msgs_per_min >= 0),
    quota_storage_mb   integer NOT NULL CHECK (quota_storage_mb >= 0),
    allow_overage      boolean NOT NULL,
    version            bigint NOT NULL UNIQUE,
    updated_at         timestamptz NOT NULL
);
ALTER TABLE tenant_plans ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_plans USING (tenant_id = current_tenant());
GRANT SELECT ON tenant_plans TO {{app}};
GRANT SELECT, INSERT ON tenant_plans TO {{system}};

-- Sums of what ingestion's batches told, each told once. No reference to tenant_plans: usage may arrive before the plan.
CREATE TABLE usage_minutes (
    tenant_id uuid NOT NULL,
    minute    timestamptz NOT NULL,
    messages  bigint NOT NULL,
    readings  bigint NOT NULL,
    bytes     bigint NOT NULL,
    PRIMARY KEY (tenant_id, minute)
-- A minute is updated by every batch that falls into it; room in the page keeps its index alone.
) WITH (fillfactor = 70);
ALTER TABLE usage_minutes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON usage_minutes USING (tenant_id = current_tenant());
GRANT SELECT ON usage_minutes TO {{app}};
GRANT SELECT, INSERT, UPDATE ON usage_minutes TO {{system}};
