-- What each commit used, until it is told: in one event a second, not in one for each commit. A row belongs to its commit, and goes with
-- the event that tells it.
CREATE TABLE used (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entries text NOT NULL
);
-- UPDATE is what locking a row needs.
GRANT SELECT, INSERT, UPDATE, DELETE ON used TO {{system}};
