-- What each tenant has stored, less what was deleted, of all that UsageTeller has told: its transaction adds to it. What is in "used" comes on top.
-- An account, not a count: the nightly reconciliation compares it with the readings; its first one begins the accounts with what was there before.
CREATE TABLE tenant_stored (
    tenant_id uuid PRIMARY KEY,
    readings  bigint NOT NULL,
    bytes     bigint NOT NULL
) WITH (fillfactor = 70);
ALTER TABLE tenant_stored ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_stored USING (tenant_id = current_tenant());
GRANT SELECT ON tenant_stored TO {{app}};
GRANT SELECT, INSERT, UPDATE ON tenant_stored TO {{system}};

-- Whether the storage quota is used up, and the bytes as of then; not, and none, from a publisher that does not know of it.
ALTER TABLE tenant_quotas ADD COLUMN storage_blocked boolean NOT NULL DEFAULT false, ADD COLUMN storage_bytes bigint NOT NULL DEFAULT 0;
