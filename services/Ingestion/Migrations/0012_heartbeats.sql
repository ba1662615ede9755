-- When each instance, by its session at the broker, last took messages and could commit them. What waited at the broker since then is not held
-- against the minute in which it comes.
CREATE TABLE heartbeats (
    client_id text PRIMARY KEY,
    at        timestamptz NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON heartbeats TO {{system}};
