-- What the plans allow and cost: data of the operator's, with all that it ever was. Of no tenant, so that no caller's role reads it.
-- 0 means unlimited for each quota and without end for the retention. Prices are centavos of BRL; what they include is what the quotas allow.
CREATE TABLE plans (
    plan_type             text PRIMARY KEY CHECK (plan_type IN ('starter', 'pro', 'enterprise')),
    quota_devices         integer NOT NULL CHECK (quota_devices >= 0),
    quota_msgs_per_min    integer NOT NULL CHECK (quota_msgs_per_min >= 0),
    quota_storage_mb      integer NOT NULL CHECK (quota_storage_mb >= 0),
    allow_overage         boolean NOT NULL,
    retention_days        integer NOT NULL CHECK (retention_days >= 0),
    price_monthly_cents   integer NOT NULL CHECK (price_monthly_cents >= 0),
    price_annual_cents    integer NOT NULL CHECK (price_annual_cents >= 0),
    overage_gb_cents      integer NOT NULL CHECK (overage_gb_cents >= 0),
    rpo_minutes           integer NOT NULL CHECK (rpo_minutes > 0),
    rto_minutes           integer NOT NULL CHECK (rto_minutes > 0),
    version               integer NOT NULL,
    updated_at            timestamptz NOT NULL
);
GRANT SELECT, UPDATE ON plans TO {{system}};
INSERT INTO plans VALUES
    ('starter',    0,   360,    1000, false,  90,      0,       0,    0, 1440, 480, 1, now()),
    ('pro',        0,  3600,   50000, false, 365,  49900,  499000,    0,  240, 120, 1, now()),
    ('enterprise', 0, 36000, 1000000, true,  730, 299900, 2999000,  150,   60,  30, 1, now());

-- Every state of every plan, the present one included.
CREATE TABLE plan_history (
    LIKE plans INCLUDING CONSTRAINTS,
    changed_by uuid,
    PRIMARY KEY (plan_type, version)
);
GRANT SELECT, INSERT ON plan_history TO {{system}};
INSERT INTO plan_history SELECT *, NULL FROM plans;

-- What a tenant has of its own in the place of its plan's; null where the plan's goes. The columns without "own" hold what is in force, so
-- that whoever reads, and an instance of the earlier build, need not know of plans. Nobody's state changes: what differs becomes its own.
ALTER TABLE tenant_plans
    ADD COLUMN own_quota_devices integer CHECK (own_quota_devices >= 0),
    ADD COLUMN own_quota_msgs_per_min integer CHECK (own_quota_msgs_per_min >= 0),
    ADD COLUMN own_quota_storage_mb integer CHECK (own_quota_storage_mb >= 0),
    ADD COLUMN own_allow_overage boolean,
    ADD COLUMN own_retention_days integer CHECK (own_retention_days >= 0),
    -- Whether the storage quota is used up and nothing more may be stored.
    ADD COLUMN storage_blocked boolean NOT NULL DEFAULT false;
UPDATE tenant_plans t
SET own_quota_devices = nullif(t.quota_devices, p.quota_devices),
    own_quota_msgs_per_min = nullif(t.quota_msgs_per_min, p.quota_msgs_per_min),
    own_quota_storage_mb = nullif(t.quota_storage_mb, p.quota_storage_mb),
    own_allow_overage = nullif(t.allow_overage, p.allow_overage),
    own_retention_days = nullif(t.retention_days, p.retention_days)
FROM plans p WHERE p.plan_type = t.plan_type;
GRANT UPDATE ON tenant_plans TO {{system}};

-- What each tenant has stored, less what was deleted, as usage tells it: the number that the storage quota is compared with. What is there
-- already is what usage has told so far. No reference to tenant_plans: usage may arrive before the plan.
CREATE TABLE tenant_storage (
    tenant_id uuid PRIMARY KEY,
    bytes     bigint NOT NULL
) WITH (fillfactor = 70);
ALTER TABLE tenant_storage ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_storage USING (tenant_id = current_tenant());
GRANT SELECT ON tenant_storage TO {{app}};
GRANT SELECT, INSERT, UPDATE ON tenant_storage TO {{system}};
INSERT INTO tenant_storage SELECT tenant_id, sum(bytes) FROM usage_minutes GROUP BY tenant_id;

-- The highest share of each quota, 80 or 100 %, that was told of and is not taken back: Quotas/QuotaLevel.cs.
CREATE TABLE quota_levels (
    tenant_id  uuid NOT NULL,
    limit_name text NOT NULL,
    level      integer NOT NULL CHECK (level IN (0, 80, 100)),
    PRIMARY KEY (tenant_id, limit_name)
);
ALTER TABLE quota_levels ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quota_levels USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE ON quota_levels TO {{system}};

-- Replica of DeviceProvisioning's devices. One that was deleted, or is nobody's, stays without a tenant: its version still has to win.
CREATE TABLE devices (
    device_id uuid PRIMARY KEY,
    tenant_id uuid,
    version   bigint NOT NULL
);
CREATE INDEX devices_tenant_id_idx ON devices (tenant_id) WHERE tenant_id IS NOT NULL;
ALTER TABLE devices ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON devices USING (tenant_id = current_tenant());
GRANT SELECT ON devices TO {{app}};
GRANT SELECT, INSERT, UPDATE ON devices TO {{system}};
