-- A tenant asks for its refusals of some time; the cleaner looks for those of an old time, which lie together.
CREATE INDEX rejections_window ON rejections (tenant_id, minute);
CREATE INDEX rejections_minute ON rejections USING brin (minute) WITH (pages_per_range = 32);

-- For callers who name a device; row-level security shows them their tenant's.
GRANT SELECT (device_id, tenant_id, device_label) ON devices TO {{app}};

-- When a device was last told that its messages are refused for a reason, by whichever instance.
CREATE TABLE error_notices (
    device_id uuid NOT NULL,
    reason    text NOT NULL,
    told_at   timestamptz NOT NULL,
    PRIMARY KEY (device_id, reason)
) WITH (fillfactor = 70);
GRANT SELECT, INSERT, UPDATE, DELETE ON error_notices TO {{system}};
