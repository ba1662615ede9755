-- The number that a payload kept as JSON holds, where it holds one: so that aggregates read one column for every form.
ALTER TABLE readings DROP CONSTRAINT readings_check;
UPDATE readings SET value = number.value::float8
FROM (SELECT tenant_id, device_id, slot, time, (CASE jsonb_typeof(payload) WHEN 'object' THEN payload -> 'value' ELSE payload END)::numeric AS value
      FROM readings
      WHERE form = 0 AND jsonb_typeof(CASE jsonb_typeof(payload) WHEN 'object' THEN payload -> 'value' ELSE payload END) = 'number') AS number
WHERE form = 0 AND abs(number.value) < 1.7e308
    AND (readings.tenant_id, readings.device_id, readings.slot, readings.time) = (number.tenant_id, number.device_id, number.slot, number.time);
ALTER TABLE readings ADD CONSTRAINT readings_form
    CHECK (CASE form WHEN 0 THEN payload IS NOT NULL ELSE form IN (1, 2) AND value IS NOT NULL AND payload IS NULL END);

-- Each series' numbers by quarter hours, which every time zone's hours and days are made of. A quarter without a number has no row. The index
-- holds the whole row: a year of a series is read from it alone, where the table has it scattered among all others.
CREATE TABLE rollups (
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL,
    slot      smallint NOT NULL,
    quarter   timestamptz NOT NULL,
    count     bigint NOT NULL,
    sum       double precision NOT NULL,
    min       double precision NOT NULL,
    max       double precision NOT NULL,
    first     double precision NOT NULL,
    last      double precision NOT NULL
);
SELECT create_hypertable('rollups', by_range('quarter', interval '28 days'), create_default_indexes => false);
CREATE UNIQUE INDEX rollups_series ON rollups (tenant_id, device_id, slot, quarter) INCLUDE (count, sum, min, max, first, last);
GRANT SELECT, INSERT, UPDATE, DELETE ON rollups TO {{system}};

-- Makes the rollups of series, each between two quarters' beginnings, what their readings are now. Numbers beyond 1e300 are stored and
-- shown, and in no rollup: their sum would have no place in a double. Each time planned for its own times, so that chunks of others are not
-- even opened; and always by the index of the readings, whose tables are large and whose ranges are small.
CREATE FUNCTION roll_up(tenants uuid[], devices uuid[], slots smallint[], since timestamptz[], until timestamptz[]) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    AS $$
    DECLARE
        first_time CONSTANT timestamptz := (SELECT min(t) FROM unnest(since) AS t);
        end_time CONSTANT timestamptz := (SELECT max(t) FROM unnest(until) AS t);
    BEGIN
        INSERT INTO rollups AS old (tenant_id, device_id, slot, quarter, count, sum, min, max, first, last)
        SELECT series.tenant_id, series.device_id, series.slot, numbers.*
        FROM unnest(tenants, devices, slots, since, until) AS series (tenant_id, device_id, slot, since, until)
        CROSS JOIN LATERAL (
            SELECT date_bin('15 minutes', r.time, timestamptz 'epoch'), count(*), sum(r.value), min(r.value), max(r.value),
                first(r.value, r.time), last(r.value, r.time)
            FROM readings r
            WHERE r.tenant_id = series.tenant_id AND r.device_id = series.device_id AND r.slot = series.slot
                AND r.time >= series.since AND r.time < series.until AND r.time >= first_time AND r.time < end_time
                AND r.value BETWEEN -1e300 AND 1e300
            GROUP BY 1) AS numbers
        ON CONFLICT (tenant_id, device_id, slot, quarter) DO UPDATE
            SET count = excluded.count, sum = excluded.sum, min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last
            WHERE (old.count, old.sum, old.min, old.max, old.first, old.last)
                IS DISTINCT FROM (excluded.count, excluded.sum, excluded.min, excluded.max, excluded.first, excluded.last);
        DELETE FROM rollups old
        USING unnest(tenants, devices, slots, since, until) AS series (tenant_id, device_id, slot, since, until)
        WHERE old.tenant_id = series.tenant_id AND old.device_id = series.device_id AND old.slot = series.slot
            AND old.quarter >= series.since AND old.quarter < series.until AND old.quarter >= first_time AND old.quarter < end_time
            AND NOT EXISTS (
                SELECT FROM readings r
                WHERE r.tenant_id = old.tenant_id AND r.device_id = old.device_id AND r.slot = old.slot
                    AND r.time >= old.quarter AND r.time < old.quarter + interval '15 minutes' AND r.time >= first_time AND r.time < end_time
                    AND r.value BETWEEN -1e300 AND 1e300);
    END
    $$;
GRANT EXECUTE ON FUNCTION roll_up TO {{system}};

-- Every quarter that ended by then is in rollups, but for those in rollups_due; what is later, and what is due, is read from the readings.
-- Setting it back has the rollups from there on made anew.
CREATE TABLE rollup_progress (
    rolled_until timestamptz NOT NULL,
    is_only_row  boolean PRIMARY KEY DEFAULT true CHECK (is_only_row)
);
INSERT INTO rollup_progress (rolled_until)
SELECT coalesce(min(range_start), date_bin('15 minutes', now(), 'epoch'))
FROM timescaledb_information.chunks WHERE hypertable_schema = 'public' AND hypertable_name = 'readings';
GRANT SELECT, UPDATE ON rollup_progress TO {{system}};

-- Quarters that got a reading more than a minute after their end, in the commit that stored it; several times when it was several commits.
CREATE TABLE rollups_due (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL,
    slot      smallint NOT NULL,
    quarter   timestamptz NOT NULL
);
CREATE INDEX rollups_due_series ON rollups_due (tenant_id, device_id, slot, quarter);
ALTER TABLE rollups_due ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON rollups_due USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, DELETE ON rollups_due TO {{system}};

CREATE VIEW tenant.rollups AS
    SELECT device_id, slot, quarter, count, sum, min, max, first, last FROM rollups WHERE tenant_id = current_tenant();
CREATE VIEW tenant.rollups_due AS SELECT device_id, slot, quarter FROM rollups_due WHERE tenant_id = current_tenant();
CREATE VIEW tenant.rollup_progress AS SELECT rolled_until FROM rollup_progress;

GRANT SELECT ON rollups, rollups_due, rollup_progress TO telemetry_views;
ALTER VIEW tenant.rollups OWNER TO telemetry_views;
ALTER VIEW tenant.rollups_due OWNER TO telemetry_views;
ALTER VIEW tenant.rollup_progress OWNER TO telemetry_views;
SET LOCAL ROLE telemetry_views;
GRANT SELECT ON tenant.rollups, tenant.rollups_due, tenant.rollup_progress TO telemetry_query;
RESET ROLE;
