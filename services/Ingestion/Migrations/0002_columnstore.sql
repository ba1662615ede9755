-- Where the Community edition is found, old chunks move to the columnstore (7 to 15 times smaller). Nothing else differs.
DO $$
BEGIN
    IF current_setting('timescaledb.license', true) = 'timescale' THEN
        ALTER TABLE readings SET (
            timescaledb.enable_columnstore,
            timescaledb.segmentby = 'tenant_id, device_id, slot',
            timescaledb.orderby = 'time DESC');
        CALL add_columnstore_policy('readings', after => interval '7 days');
    END IF;
END $$;
