-- What each tenant has stored, less what was deleted, of all that UsageTeller has told: its transaction adds to it. What is in "used" comes on top.
-- An account, not a count: the nightly reconciliation compares it with the readings.
CREATE TABLE tenant_stored (
    tenant_id uuid PRIMARY KEY,
    readings  bigint NOT NULL,
    bytes     bigint NOT NULL
) WITH (fillfactor = 70);
ALTER TABLE tenant_stored ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_stored USING (tenant_id = current_tenant());
GRANT SELECT ON tenant_stored TO {{app}};
GRANT SELECT, INSERT, UPDATE ON tenant_stored TO {{system}};

-- What is there already, less what is committed and not told yet: that is added when it is told.
INSERT INTO tenant_stored (tenant_id, readings, bytes)
SELECT tenant_id, sum(readings), sum(bytes)
FROM (
    SELECT tenant_id, count(*) AS readings, sum(bytes) AS bytes FROM readings GROUP BY tenant_id
    UNION ALL
    SELECT (entry ->> 'TenantId')::uuid, -(entry ->> 'Readings')::bigint, -(entry ->> 'Bytes')::bigint
    FROM used CROSS JOIN LATERAL jsonb_array_elements(entries::jsonb) AS entry) AS known
GROUP BY tenant_id;

-- Whether the storage quota is used up, and the bytes as of then; null from a publisher that does not know of it.
ALTER TABLE tenant_quotas ADD COLUMN storage_blocked boolean NOT NULL DEFAULT false, ADD COLUMN storage_bytes bigint NOT NULL DEFAULT 0;
