-- The whole life of a device: what its tenant says of it, where it came from, what lets it in, and what is connected now.

ALTER TABLE devices
    ADD COLUMN model             text CHECK (char_length(model) BETWEEN 1 AND 100),
    ADD COLUMN hardware_revision text CHECK (char_length(hardware_revision) BETWEEN 1 AND 100),
    -- The tenant's own, gone when the device leaves it.
    ADD COLUMN metadata          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    ADD COLUMN tags              text[] NOT NULL DEFAULT '{}',
    ADD COLUMN claimed_at        timestamptz,
    -- The first sign of life in its tenant's hands: after a suspension it is active again, or still claimed.
    ADD COLUMN activated_at      timestamptz,
    ADD COLUMN last_ip           text,
    -- What it last said of itself on its status topic.
    ADD COLUMN reported          text CHECK (reported IN ('online', 'offline')),
    ADD COLUMN reported_at       timestamptz;
UPDATE devices SET claimed_at = created_at WHERE tenant_id IS NOT NULL;
UPDATE devices SET activated_at = coalesce(last_seen_at, created_at) WHERE status = 'active';
CREATE INDEX devices_tags ON devices USING gin (tags);
-- Not whose it is, nor what came from the factory.
GRANT UPDATE (device_label, status, metadata, tags, version), DELETE ON devices TO {{app}};
GRANT INSERT, DELETE ON devices TO {{system}};

-- The manufacturing registry: what is known of a device because it was imported. No tenant's business, not even the owner's.
CREATE TABLE registry (
    device_id         uuid PRIMARY KEY REFERENCES devices ON DELETE CASCADE,
    -- The manufacturing master key that its own key is derived from; NULL when it has none.
    key_id            text,
    -- From the earlier system: may sign with the master key itself.
    legacy_signing    boolean NOT NULL DEFAULT false,
    -- What its claim code is compared with. Not both.
    claim_code_sha256 bytea CHECK (octet_length(claim_code_sha256) = 32),
    claim_code_bcrypt text,
    -- The label it was made with: a tenant's own name for it must not reach the next one.
    factory_label     text,
    imported_at       timestamptz NOT NULL,
    -- A claim opens the window in which the device may fetch its secret, once.
    delivery_until    timestamptz,
    delivered_at      timestamptz,
    CHECK (claim_code_sha256 IS NULL OR claim_code_bcrypt IS NULL)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON registry TO {{system}};

-- Signatures that were accepted where each passes once; kept for as long as the clock would let them pass again.
CREATE TABLE used_signatures (
    identity    text NOT NULL,
    signed_at   text NOT NULL,
    purpose     text NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (identity, signed_at, purpose)
);
CREATE INDEX used_signatures_expires_at ON used_signatures (expires_at);
GRANT SELECT, INSERT, DELETE ON used_signatures TO {{system}};

-- Wrong claim codes, by tenant and device.
CREATE TABLE claim_attempts (
    tenant_id uuid NOT NULL,
    device_id uuid NOT NULL REFERENCES devices ON DELETE CASCADE,
    failures  integer NOT NULL,
    -- Not before this may the tenant try again.
    next_at   timestamptz NOT NULL,
    -- Whether a refusal has been recorded since the last of them.
    told      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, device_id)
);
CREATE INDEX claim_attempts_device_id ON claim_attempts (device_id);
ALTER TABLE claim_attempts ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON claim_attempts USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON claim_attempts TO {{system}};

-- A hash brought over from the earlier system is accepted once and replaced.
ALTER TABLE credentials
    ADD COLUMN secret_bcrypt text,
    ALTER COLUMN secret_sha256 DROP NOT NULL,
    ADD CHECK ((secret_sha256 IS NULL) <> (secret_bcrypt IS NULL));
GRANT UPDATE (valid_until), DELETE ON credentials TO {{app}};
GRANT INSERT, UPDATE, DELETE ON credentials TO {{system}};

-- Replica of Identity's tenants, as far as it matters here; a newer version replaces an older one.
CREATE TABLE tenants (
    tenant_id uuid PRIMARY KEY,
    status    text NOT NULL,
    version   bigint NOT NULL
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE ON tenants TO {{system}};

-- Sessions of devices at the broker, as its events told. One that is not connected holds its client id until held_until. A row outlives its
-- session by some minutes, so that an event that comes late does not bring it back.
CREATE TABLE mqtt_sessions (
    client_id       text PRIMARY KEY CHECK (char_length(client_id) BETWEEN 1 AND 256),
    tenant_id       uuid NOT NULL,
    device_id       uuid NOT NULL,
    -- The secret it logged in with, where that is known.
    credential_id   uuid,
    username        text NOT NULL,
    address         text,
    connected       boolean NOT NULL,
    connected_at    timestamptz NOT NULL,
    -- Seconds that the session outlives its connection; only the connect tells.
    expiry_interval bigint NOT NULL DEFAULT 0,
    -- The broker's time of the newest event that took effect; an older one is late and changes nothing.
    changed_at      timestamptz NOT NULL,
    held_until      timestamptz
);
CREATE INDEX mqtt_sessions_device_id ON mqtt_sessions (device_id);
CREATE INDEX mqtt_sessions_tenant_id ON mqtt_sessions (tenant_id);
CREATE INDEX mqtt_sessions_credential_id ON mqtt_sessions (credential_id);
CREATE INDEX mqtt_sessions_over ON mqtt_sessions (changed_at) WHERE NOT connected;
ALTER TABLE mqtt_sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON mqtt_sessions USING (tenant_id = current_tenant());
GRANT SELECT ON mqtt_sessions TO {{app}};
GRANT SELECT, INSERT, UPDATE, DELETE ON mqtt_sessions TO {{system}};
-- Every instance knows whose a client id is. At most 1 KiB: a payload may have 8,000 bytes.
CREATE FUNCTION notify_mqtt_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    PERFORM pg_notify('mqtt_sessions', changed.client_id);
    RETURN NULL;
END $$;
CREATE TRIGGER mqtt_sessions_added AFTER INSERT OR DELETE ON mqtt_sessions FOR EACH ROW EXECUTE FUNCTION notify_mqtt_sessions();
CREATE TRIGGER mqtt_sessions_changed AFTER UPDATE ON mqtt_sessions FOR EACH ROW
    WHEN ((OLD.device_id, OLD.connected, OLD.held_until) IS DISTINCT FROM (NEW.device_id, NEW.connected, NEW.held_until))
    EXECUTE FUNCTION notify_mqtt_sessions();

-- Sessions that committed changes still owe an end: of a device, of one of its secrets, of a whole tenant, or of one client id.
CREATE TABLE session_ends (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     uuid NOT NULL,
    device_id     uuid,
    credential_id uuid,
    client_id     text,
    -- The user names that the device could log in with, besides its id, when this was written.
    label         text,
    due_at        timestamptz NOT NULL DEFAULT now(),
    -- The sessions that were there are ended; those that were just logging in are looked for once more.
    swept_at      timestamptz,
    failures      integer NOT NULL DEFAULT 0
);
CREATE INDEX session_ends_due_at ON session_ends (due_at);
ALTER TABLE session_ends ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON session_ends USING (tenant_id = current_tenant());
-- The id, because it comes back from the insert; and whose it is, so that a test can tell that no other tenant's is to be seen.
GRANT INSERT, SELECT (id, tenant_id) ON session_ends TO {{app}};
GRANT SELECT, INSERT, UPDATE, DELETE ON session_ends TO {{system}};
CREATE FUNCTION notify_session_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('session_ends', '');
    RETURN NULL;
END $$;
CREATE TRIGGER session_ends_added AFTER INSERT ON session_ends FOR EACH STATEMENT EXECUTE FUNCTION notify_session_ends();

-- What tenants told their devices to do. json and not jsonb: what a device answers may be JSON that jsonb refuses, and must not fail a batch.
CREATE TABLE commands (
    id          uuid PRIMARY KEY,
    -- The order in which they are sent; ids of one millisecond have none.
    number      bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id   uuid NOT NULL,
    device_id   uuid NOT NULL REFERENCES devices ON DELETE CASCADE,
    name        text NOT NULL,
    payload     json,
    state       text NOT NULL CHECK (state IN ('queued', 'sent', 'acknowledged', 'failed', 'expired')),
    created_by  uuid,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    sent_at     timestamptz,
    -- How often the broker took it for the device.
    sendings    integer NOT NULL DEFAULT 0,
    finished_at timestamptz,
    result      json,
    error       text,
    -- Reasons to send it that nobody has acted on: it is new, or its device has come back. Who has acted subtracts what it saw.
    due         integer NOT NULL DEFAULT 1
);
CREATE INDEX commands_newest_first ON commands (tenant_id, device_id, number DESC);
CREATE INDEX commands_open ON commands (device_id, number) WHERE state IN ('queued', 'sent');
CREATE INDEX commands_due ON commands (device_id) WHERE due > 0;
CREATE INDEX commands_expiring ON commands (expires_at) WHERE state IN ('queued', 'sent');
CREATE INDEX commands_finished ON commands (finished_at) WHERE finished_at IS NOT NULL;
ALTER TABLE commands ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON commands USING (tenant_id = current_tenant());
GRANT SELECT, INSERT ON commands TO {{app}};
GRANT SELECT, UPDATE, DELETE ON commands TO {{system}};
CREATE FUNCTION notify_commands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('commands', '');
    RETURN NULL;
END $$;
CREATE TRIGGER commands_added AFTER INSERT ON commands FOR EACH STATEMENT EXECUTE FUNCTION notify_commands();

-- Every instance answers logins from memory and listens here: the device whose logins may have changed, 'tenants' when tenants did, '' for all devices.
-- An import of unclaimed devices, and what moves without a meaning for logins, tells nobody.
CREATE FUNCTION notify_logins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed record;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    PERFORM pg_notify('logins', CASE TG_TABLE_NAME
        WHEN 'devices' THEN to_jsonb(changed)->>'id' WHEN 'credentials' THEN to_jsonb(changed)->>'device_id' ELSE 'tenants' END);
    RETURN NULL;
END $$;
CREATE TRIGGER logins_changed AFTER UPDATE OF tenant_id, device_label, status ON devices FOR EACH ROW EXECUTE FUNCTION notify_logins();
CREATE TRIGGER logins_removed AFTER DELETE ON devices FOR EACH ROW EXECUTE FUNCTION notify_logins();
CREATE TRIGGER logins_changed AFTER INSERT OR UPDATE OR DELETE ON credentials FOR EACH ROW EXECUTE FUNCTION notify_logins();
CREATE TRIGGER logins_changed AFTER INSERT OR UPDATE OR DELETE ON tenants FOR EACH ROW EXECUTE FUNCTION notify_logins();
