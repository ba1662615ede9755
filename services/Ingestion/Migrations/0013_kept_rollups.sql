-- Until when retention has deleted each tenant's readings; only ever later. It goes with the commit that deletes them.
CREATE TABLE readings_deleted (
    tenant_id uuid PRIMARY KEY,
    until     timestamptz NOT NULL
) WITH (fillfactor = 70);
ALTER TABLE readings_deleted ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON readings_deleted USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE ON readings_deleted TO {{system}};
-- Retention was at it before there was this table.
INSERT INTO readings_deleted (tenant_id, until)
SELECT tenant_id, date_bin('15 minutes', now() - make_interval(hours => 24 * retention_days), timestamptz 'epoch')
FROM tenant_quotas WHERE retention_days > 0 AND retention_days < 1000000;

-- As before, but that a rollup from before that time stays: it is all that is known of its quarter. So a late reading that comes there is in
-- no aggregate once its mark is taken, unless the quarter has no rollup, or one of fewer readings than are there again, as when a tenant
-- whose plan keeps more now sends its history anew. What is not rolled up yet, or is due, is read from what readings there are, as always.
CREATE OR REPLACE FUNCTION roll_up(tenants uuid[], devices uuid[], slots smallint[], sinces timestamptz[], untils timestamptz[]) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
    AS $$
    DECLARE
        earliest timestamptz := (SELECT min(t) FROM unnest(sinces) t);
        latest   timestamptz := (SELECT max(t) FROM unnest(untils) t);
    BEGIN
        -- One statement, and so one snapshot: it sees readings and that they are not deleted, or neither.
        WITH series AS MATERIALIZED (
            SELECT s.*, coalesce(d.until, '-infinity') AS kept_until
            FROM unnest(tenants, devices, slots, sinces, untils) AS s (tenant_id, device_id, slot, since, until)
            LEFT JOIN readings_deleted d USING (tenant_id)),
        now_are AS MATERIALIZED (
            SELECT s.tenant_id, s.device_id, s.slot, q.*
            FROM series s CROSS JOIN LATERAL (
                SELECT date_bin('15 minutes', r.time, timestamptz 'epoch') AS quarter, count(*), sum(r.value), min(r.value), max(r.value),
                    first(r.value, r.time), last(r.value, r.time)
                FROM readings r
                WHERE r.tenant_id = s.tenant_id AND r.device_id = s.device_id AND r.slot = s.slot
                    AND r.time >= s.since AND r.time < s.until AND r.time >= earliest AND r.time < latest
                    AND r.value BETWEEN -1e300 AND 1e300
                GROUP BY 1) AS q),
        were AS (
            SELECT s.tenant_id, s.device_id, s.slot, old.quarter FROM series s JOIN rollups old USING (tenant_id, device_id, slot)
            WHERE old.quarter >= s.since AND old.quarter < s.until AND old.quarter >= s.kept_until
                AND old.quarter >= earliest AND old.quarter < latest),
        gone AS (
            DELETE FROM rollups old
            USING (SELECT * FROM were EXCEPT SELECT tenant_id, device_id, slot, quarter FROM now_are) AS none
            WHERE (old.tenant_id, old.device_id, old.slot, old.quarter) = (none.tenant_id, none.device_id, none.slot, none.quarter)
                AND old.quarter >= earliest AND old.quarter < latest)
        INSERT INTO rollups AS old (tenant_id, device_id, slot, quarter, count, sum, min, max, first, last)
        SELECT * FROM now_are
        ON CONFLICT (tenant_id, device_id, slot, quarter) DO UPDATE
            SET count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last
            WHERE (old.count, old.sum, old.min, old.max, old.first, old.last)
                IS DISTINCT FROM (excluded.count, excluded.sum, excluded.min, excluded.max, excluded.first, excluded.last)
                AND (excluded.count > old.count
                    OR NOT EXISTS (SELECT FROM readings_deleted d WHERE d.tenant_id = old.tenant_id AND old.quarter < d.until));
    END $$;
