-- Attempts, counted where every instance sees them and a restart forgets none. The key is a hash: no addresses are kept here.

CREATE TABLE throttles (
    key           bytea PRIMARY KEY CHECK (length(key) = 32),
    window_ends   timestamptz NOT NULL,
    used          integer NOT NULL,
    -- Failures since the last success, and until when they hold up the next attempt.
    failures      integer NOT NULL DEFAULT 0,
    blocked_until timestamptz
);
CREATE INDEX throttles_window ON throttles (window_ends);
GRANT SELECT, INSERT, UPDATE, DELETE ON throttles TO {{system}};
