-- What people were told, or would have been: one row for each event, however often it is delivered.
CREATE TABLE notifications (
    event_id   uuid PRIMARY KEY,
    kind       text NOT NULL,
    tenant_id  uuid,
    result     text NOT NULL CHECK (result IN ('success', 'failed', 'skipped')),
    reason     text,
    text       text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX notifications_created_at ON notifications (created_at);
ALTER TABLE notifications ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notifications USING (tenant_id = current_tenant());
GRANT SELECT ON notifications TO {{app}};
GRANT SELECT, INSERT ON notifications TO {{system}};
