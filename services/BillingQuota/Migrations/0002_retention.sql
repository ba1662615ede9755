-- How long a tenant's readings are kept. The default is a new tenant's, and lets an instance of the earlier build, which does not name the
-- column, go on giving plans until it is replaced.
ALTER TABLE tenant_plans ADD COLUMN retention_days integer NOT NULL DEFAULT 90 CHECK (retention_days >= 0);
-- It is a change of the state that replicas follow, so each gets a new version: whoever read a snapshot without it takes the one with it.
UPDATE tenant_plans
SET retention_days = CASE plan_type WHEN 'starter' THEN 90 WHEN 'pro' THEN 365 ELSE 730 END, version = nextval('tenant_plan_version');
