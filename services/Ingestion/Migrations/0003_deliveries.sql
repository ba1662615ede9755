-- What each MQTT session's last commits held without a time of its own: packet identifier (2 bytes) and content hash (8 bytes) of each
-- reading. A ring of rows, one for each commit: cheap to write at full speed, read only when a session is resumed.
CREATE TABLE deliveries (
    session  text NOT NULL,
    row      smallint NOT NULL,
    received bigint NOT NULL,
    entries  bytea NOT NULL,
    PRIMARY KEY (session, row)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 1);
-- The content is hashes: compressing it only costs.
ALTER TABLE deliveries ALTER COLUMN entries SET STORAGE EXTERNAL;
GRANT SELECT, INSERT, UPDATE, DELETE ON deliveries TO {{system}};
