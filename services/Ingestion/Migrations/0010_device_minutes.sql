-- Each device's messages of the last minute in which it sent any, of all instances: what corrects their memories, and what one that is
-- started anew goes on from. One row a device, so nothing is ever cleaned up. quota is the tenant's as of then, 0 without limit; level is how
-- far up it was told that the quota is used: 0, 80 or 100 percent.
CREATE TABLE device_minutes (
    device_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    minute    timestamptz NOT NULL,
    messages  bigint NOT NULL,
    refused   bigint NOT NULL,
    quota     integer NOT NULL,
    level     smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
ALTER TABLE device_minutes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON device_minutes USING (tenant_id = current_tenant());
GRANT SELECT ON device_minutes TO {{app}};
GRANT SELECT, INSERT, UPDATE ON device_minutes TO {{system}};
