CREATE TABLE notes (
    id        uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    text      text NOT NULL CONSTRAINT notes_text_key UNIQUE
);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notes USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {{app}}, {{system}};

-- No key: an event that took effect twice would show as two rows.
CREATE TABLE effects (event_id uuid NOT NULL);
GRANT SELECT, INSERT ON effects TO {{system}};
