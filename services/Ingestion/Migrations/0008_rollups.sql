-- The number that a payload kept as JSON holds, where it holds one that fits a double: so that aggregates read one column for every form.
-- What is closer to 0 than a double can be is 0; the cast would fail.
CREATE FUNCTION number_in(payload jsonb) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE
    AS $$
    DECLARE
        held jsonb := CASE jsonb_typeof(payload) WHEN 'object' THEN payload -> 'value' ELSE payload END;
        size numeric;
    BEGIN
        IF jsonb_typeof(held) IS DISTINCT FROM 'number' THEN
            RETURN NULL;
        END IF;
        size := abs(held::numeric);
        RETURN CASE
            WHEN size < 2.4703282292062328e-324 THEN 0
            WHEN size < 1.797693134862315807e308 THEN held::numeric::double precision
        END;
    END $$;
ALTER TABLE readings DROP CONSTRAINT readings_check;
UPDATE readings SET value = number_in(payload) WHERE form = 0 AND jsonb_typeof(payload) IN ('object', 'number');
UPDATE latest SET value = number_in(payload) WHERE form = 0;
DROP FUNCTION number_in;
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

-- Makes the rollups of several series, each between two quarters' beginnings, what its readings are now. Numbers beyond 1e300 are stored and
-- shown, and in no rollup: their sum would have no place in a double.
-- Planned for each call with the whole of its time known: a plan for any time would open every chunk there is. Each series is looked up
-- in the indexes, whatever the planner thinks of chunks that it has no statistics of yet.
CREATE FUNCTION roll_up(tenants uuid[], devices uuid[], slots smallint[], sinces timestamptz[], untils timestamptz[]) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
    AS $$
    DECLARE
        earliest timestamptz := (SELECT min(t) FROM unnest(sinces) t);
        latest   timestamptz := (SELECT max(t) FROM unnest(untils) t);
    BEGIN
        WITH series AS MATERIALIZED (
            SELECT * FROM unnest(tenants, devices, slots, sinces, untils) AS s (tenant_id, device_id, slot, since, until)),
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
            WHERE old.quarter >= s.since AND old.quarter < s.until AND old.quarter >= earliest AND old.quarter < latest),
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
                IS DISTINCT FROM (excluded.count, excluded.sum, excluded.min, excluded.max, excluded.first, excluded.last);
    END $$;
GRANT EXECUTE ON FUNCTION roll_up TO {{system}};

-- Every quarter that ended by then is in rollups, but for those in rollups_due; what is later, and what is due, is read from the readings.
-- Setting it back has the rollups from there on made anew.
CREATE TABLE rollup_progress (
    rolled_until timestamptz NOT NULL CHECK (rolled_until = date_bin('15 minutes', rolled_until, 'epoch')),
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
