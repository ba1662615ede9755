-- What each tenant used, hour by hour and meter by meter, kept so that nobody can change it unseen.

-- What is still added up: hours that run, and what came late for others. The poster moves it into the ledger.
CREATE TABLE usage_pending (
    tenant_id uuid NOT NULL,
    hour      timestamptz NOT NULL,
    meter     text NOT NULL CHECK (meter IN (
        'messages', 'readings', 'bytes_stored', 'readings_deleted', 'bytes_deleted', 'device_hours', 'webhook_calls', 'exports')),
    amount    bigint NOT NULL,
    PRIMARY KEY (tenant_id, hour, meter)
-- A row is updated about once a second while its hour runs; room in the page keeps its indexes alone.
) WITH (fillfactor = 70);
CREATE INDEX usage_pending_hour ON usage_pending (hour);
ALTER TABLE usage_pending ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON usage_pending USING (tenant_id = current_tenant());
GRANT SELECT ON usage_pending TO {{app}};
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_pending TO {{system}};

-- What came later for an hour is a further row of that hour. "day" is the day of posting (UTC); seq has no gaps.
CREATE TABLE usage_ledger (
    seq       bigint PRIMARY KEY,
    tenant_id uuid NOT NULL,
    hour      timestamptz NOT NULL,
    meter     text NOT NULL,
    amount    bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    day       date NOT NULL
);
CREATE INDEX usage_ledger_tenant ON usage_ledger (tenant_id, meter, hour) INCLUDE (amount);
ALTER TABLE usage_ledger ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON usage_ledger USING (tenant_id = current_tenant());
GRANT SELECT ON usage_ledger TO {{app}};
GRANT SELECT, INSERT ON usage_ledger TO {{system}};

-- Every day of posting that is over, each sealed with the hash of the day before. A day without rows ends where it began: last_seq = first_seq - 1.
CREATE TABLE ledger_days (
    day           date PRIMARY KEY,
    rows          bigint NOT NULL,
    first_seq     bigint NOT NULL,
    last_seq      bigint NOT NULL,
    previous_hash bytea NOT NULL,
    hash          bytea NOT NULL,
    closed_at     timestamptz NOT NULL -- For whoever wonders; not in the hash.
);
GRANT SELECT, INSERT ON ledger_days TO {{system}};

-- The rights say it for the runtime roles, this for whoever owns the tables.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_days FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How far the keeping of the ledger is: one row. Its end is also here, so that rows or days taken from the end are missed.
CREATE TABLE ledger_state (
    one                boolean PRIMARY KEY DEFAULT true CHECK (one),
    last_seq           bigint NOT NULL DEFAULT 0,
    open_day           date NOT NULL DEFAULT '1970-01-01', -- Nothing is posted into a day before it.
    closed_day         date,
    closed_hash        bytea,
    device_hours_until timestamptz,                        -- Hours that ended by then have been counted.
    snapshots_from     date                                -- The first month without final snapshots.
);
INSERT INTO ledger_state DEFAULT VALUES;
GRANT SELECT, UPDATE ON ledger_state TO {{system}};

-- The balance of a meter: what is posted and what is not yet.
CREATE VIEW usage_hours WITH (security_invoker = true) AS
SELECT tenant_id, hour, meter, amount FROM usage_ledger
UNION ALL
SELECT tenant_id, hour, meter, amount FROM usage_pending;
GRANT SELECT ON usage_hours TO {{app}}, {{system}};

-- What was counted before there was a ledger.
INSERT INTO usage_pending (tenant_id, hour, meter, amount)
SELECT tenant_id, date_trunc('hour', minute, 'UTC'), meter, sum(amount)
FROM usage_minutes CROSS JOIN LATERAL (VALUES ('messages', messages), ('readings', readings), ('bytes_stored', bytes)) AS m (meter, amount)
WHERE amount <> 0
GROUP BY 1, 2, 3;
GRANT DELETE ON usage_minutes TO {{system}};

-- A tenant's month. Tenants have snapshots from the month on in which they were created, whenever that became known here. The default lets an
-- instance of the earlier build, which does not name the column, go on giving plans until it is replaced.
ALTER TABLE tenant_plans ADD COLUMN since timestamptz NOT NULL DEFAULT now();
UPDATE tenant_plans SET since = updated_at;
CREATE TABLE usage_snapshots (
    tenant_id     uuid NOT NULL,
    period        text NOT NULL CHECK (period ~ '^\d{4}-\d{2}$'),
    final         boolean NOT NULL,
    taken_at      timestamptz NOT NULL,
    plan_type     text NOT NULL,
    billing_cycle text NOT NULL,
    devices       bigint NOT NULL,
    storage_bytes bigint NOT NULL,
    meters        jsonb NOT NULL, -- {meter: amount}, without those of which nothing was used.
    PRIMARY KEY (tenant_id, period)
);
ALTER TABLE usage_snapshots ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON usage_snapshots USING (tenant_id = current_tenant());
-- On request it is written for one tenant, under its row-level security; at the month's end for all.
GRANT SELECT, INSERT, UPDATE ON usage_snapshots TO {{app}}, {{system}};

-- Each nightly count of what is stored, beside the accounts and the ledger's balance when the count arrived.
CREATE TABLE reconciliations (
    tenant_id           uuid NOT NULL,
    counted_at          timestamptz NOT NULL,
    counted_readings    bigint NOT NULL,
    counted_bytes       bigint NOT NULL,
    accounted_readings  bigint NOT NULL,
    accounted_bytes     bigint NOT NULL,
    difference_readings bigint NOT NULL GENERATED ALWAYS AS (counted_readings - accounted_readings) STORED,
    difference_bytes    bigint NOT NULL GENERATED ALWAYS AS (counted_bytes - accounted_bytes) STORED,
    ledger_readings     bigint NOT NULL,
    ledger_bytes        bigint NOT NULL,
    PRIMARY KEY (tenant_id, counted_at)
);
ALTER TABLE reconciliations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON reconciliations USING (tenant_id = current_tenant());
GRANT SELECT ON reconciliations TO {{app}};
GRANT SELECT, INSERT ON reconciliations TO {{system}};
