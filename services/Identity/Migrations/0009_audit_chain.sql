-- Makes the audit log tell when it was tampered with: each record holds a hash over itself and over the record before it in its chain.
-- A tenant is a chain; what belongs to no tenant is one more (its id is all zeros). Personal data stands beside the chain, which covers
-- only its salted hash, so that it can be erased and the chain stays whole. Auditing/AuditHash.cs computes the same hashes in C#.

ALTER TABLE audit
    ADD chain uuid GENERATED ALWAYS AS (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000')) STORED,
    ADD chain_position bigint,
    ADD previous_hash bytea,
    ADD hash bytea,
    -- What tells who a person is, taken out of metadata: see split_audit_metadata.
    ADD personal jsonb,
    -- Random. Without it nobody can find an erased address by trying: it goes with the data.
    ADD personal_salt bytea,
    ADD personal_hash bytea;

-- The end of each chain. Only the trigger below moves it; to the runtime roles it is readable at most.
CREATE TABLE audit_heads (
    chain    uuid PRIMARY KEY,
    position bigint NOT NULL,
    hash     bytea
-- One row takes every record of its tenant; room in the page keeps its index alone.
) WITH (fillfactor = 50);
ALTER TABLE audit_heads ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON audit_heads TO {{system}};

-- The ends as they were published, day by day: what was published cannot be unsaid.
CREATE TABLE audit_published_heads (
    day          date NOT NULL,
    chain        uuid NOT NULL,
    position     bigint NOT NULL,
    hash         bytea NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (day, chain)
);
CREATE INDEX audit_published_heads_chain ON audit_published_heads (chain, position);
ALTER TABLE audit_published_heads ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_published_heads USING (chain = current_tenant());
GRANT SELECT ON audit_published_heads TO {{app}};
GRANT SELECT, INSERT ON audit_published_heads TO {{system}};

-- Fields one after the other so that no two lists read alike: "5:hello," with the length in bytes of UTF-8, and "-," for NULL.
CREATE FUNCTION audit_text(VARIADIC fields text[]) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN (SELECT string_agg(coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field, '-') || ',', '' ORDER BY place)
            FROM unnest(fields) WITH ORDINALITY AS list (field, place));

CREATE FUNCTION audit_microseconds(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN (extract(epoch FROM moment) * 1000000)::bigint::text;

-- NULL for a record without personal data.
CREATE FUNCTION audit_personal_hash(entry audit) RETURNS bytea LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN (entry).personal_salt IS NOT NULL THEN sha256((entry).personal_salt || convert_to(
        audit_text((entry).ip_address, (entry).user_agent, (entry).personal::text), 'UTF8')) END;

-- Every column but the hash itself and the personal ones.
CREATE FUNCTION audit_hash(entry audit) RETURNS bytea LANGUAGE sql IMMUTABLE
    RETURN sha256(convert_to(audit_text(
        'easysmart-audit-1', (entry).chain_position::text, encode((entry).previous_hash, 'hex'), (entry).seq::text, (entry).event_id::text,
        (entry).tenant_id::text, (entry).user_id::text, (entry).device_id::text, (entry).event_type, (entry).event_category,
        (entry).severity, (entry).actor_type, (entry).actor_id, (entry).resource_type, (entry).resource_id, (entry).action,
        (entry).result, (entry).request_id, (entry).metadata::text, audit_microseconds((entry).timestamp),
        audit_microseconds((entry).recorded_at), encode((entry).personal_hash, 'hex')), 'UTF8'));

-- Moves the keys of metadata that name a person, or under which there is an e-mail address, to the personal part, and salts what is
-- personal. Publishers need not think of it.
CREATE FUNCTION split_audit_metadata(INOUT entry audit) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    keys text[];
BEGIN
    IF jsonb_typeof(entry.metadata) = 'object' THEN
        SELECT array_agg(key) INTO keys FROM jsonb_each(entry.metadata)
        WHERE key ~ '^(.+_)?(email|phone|full_name|ip_address|user_agent)$' OR value::text ~ '[^@\s"]@[^@\s"]+\.';
        IF keys IS NOT NULL THEN
            SELECT jsonb_object_agg(key, value) INTO entry.personal FROM jsonb_each(entry.metadata) WHERE key = ANY (keys);
            entry.metadata := entry.metadata - keys;
        END IF;
    END IF;

    IF entry.ip_address IS NOT NULL OR entry.user_agent IS NOT NULL OR entry.personal IS NOT NULL THEN
        -- 244 random bits, without an extension.
        entry.personal_salt := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
    END IF;

    entry.personal_hash := audit_personal_hash(entry);
END $$;

-- The records from before, in the order in which they came.
DO $$
DECLARE
    entry    audit;
    previous audit;
BEGIN
    FOR entry IN SELECT * FROM audit ORDER BY chain, seq LOOP
        entry := split_audit_metadata(entry);
        IF previous.chain IS DISTINCT FROM entry.chain THEN
            previous := NULL;
        END IF;

        entry.chain_position := coalesce(previous.chain_position, 0) + 1;
        entry.previous_hash := previous.hash;
        entry.hash := audit_hash(entry);
        UPDATE audit SET metadata = entry.metadata, personal = entry.personal, personal_salt = entry.personal_salt,
            personal_hash = entry.personal_hash, chain_position = entry.chain_position, previous_hash = entry.previous_hash, hash = entry.hash
        WHERE seq = entry.seq;
        previous := entry;
    END LOOP;

    INSERT INTO audit_heads SELECT DISTINCT ON (chain) chain, chain_position, hash FROM audit ORDER BY chain, chain_position DESC;
END $$;

ALTER TABLE audit
    ALTER chain_position SET NOT NULL,
    ALTER hash SET NOT NULL,
    ADD CONSTRAINT audit_chain_unique UNIQUE (chain, chain_position);

-- Chains every record, whoever inserts it and whatever it says about hashes. As the owner, so that no runtime role needs the right to
-- move a head. The head is locked until the commit: of many consumers at once, one chains after the other, and a record that is rolled
-- back takes its place back with it.
CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    own  uuid := coalesce(NEW.tenant_id, '00000000-0000-0000-0000-000000000000');
    head audit_heads;
BEGIN
    SELECT * INTO head FROM audit_heads WHERE chain = own FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO audit_heads (chain, position) VALUES (own, 0) ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM audit_heads WHERE chain = own FOR UPDATE;
    END IF;

    -- A repeated delivery must not leave a gap; seen for certain only under the lock.
    IF EXISTS (SELECT FROM audit WHERE event_id = NEW.event_id) THEN
        RETURN NULL;
    END IF;

    NEW.recorded_at := now();
    NEW.personal := NULL;
    NEW.personal_salt := NULL;
    NEW := split_audit_metadata(NEW);
    NEW.chain_position := head.position + 1;
    NEW.previous_hash := head.hash;
    NEW.hash := audit_hash(NEW);
    UPDATE audit_heads SET position = NEW.chain_position, hash = NEW.hash WHERE chain = own;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_chained BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain_audit();

-- The one way to erase: takes the personal data of everything that a person did or that names it, and the salts, and nothing else.
-- The address is in lower case, as accounts have it.
-- Each chain that it touches says in a record of its own how many records that were; audit-verify counts.
CREATE FUNCTION erase_audit_personal(person uuid, address text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    total bigint;
BEGIN
    WITH erased AS (
        UPDATE audit SET ip_address = NULL, user_agent = NULL, personal = NULL, personal_salt = NULL
        WHERE personal_salt IS NOT NULL
          AND (user_id = person OR actor_id = person::text OR (resource_type = 'user' AND resource_id = person::text)
               OR (address IS NOT NULL AND jsonb_path_exists(personal, '$.** ? (@ == $address)', jsonb_build_object('address', address))))
        RETURNING tenant_id
    ), counted AS (
        SELECT tenant_id, count(*) AS records FROM erased GROUP BY tenant_id
    ), told AS (
        INSERT INTO audit (event_id, tenant_id, user_id, event_type, event_category, severity, actor_type, resource_type, resource_id,
                           action, result, metadata, timestamp)
        SELECT gen_random_uuid(), tenant_id, person, 'audit.personal_erased', 'audit', 'warning', 'system', 'user', person::text,
               'erase', 'success', jsonb_build_object('records', records), now()
        -- In one order, or two erasures could each hold the head that the other waits for.
        FROM (SELECT * FROM counted ORDER BY tenant_id) AS ordered
    )
    SELECT coalesce(sum(records), 0) INTO total FROM counted;
    RETURN total;
END $$;
REVOKE ALL ON FUNCTION erase_audit_personal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_audit_personal TO {{system}};

-- One index for each filter of GET /audit, good for a tenant (ordered) and for the operator who asks for all (few rows to sort). Ids are
-- unique across tenants.
CREATE INDEX audit_time ON audit (timestamp DESC, seq DESC);
CREATE INDEX audit_user ON audit (user_id, timestamp DESC, seq DESC) WHERE user_id IS NOT NULL;
CREATE INDEX audit_device ON audit (device_id, timestamp DESC, seq DESC) WHERE device_id IS NOT NULL;
CREATE INDEX audit_actor ON audit (actor_id, timestamp DESC, seq DESC) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_resource ON audit (resource_id, timestamp DESC, seq DESC) WHERE resource_id IS NOT NULL;
CREATE INDEX audit_resource_type ON audit (resource_type, tenant_id, timestamp DESC, seq DESC) WHERE resource_type IS NOT NULL;
CREATE INDEX audit_type ON audit (event_type text_pattern_ops, tenant_id, timestamp DESC, seq DESC);
CREATE INDEX audit_category ON audit (event_category, tenant_id, timestamp DESC, seq DESC);
CREATE INDEX audit_actor_type ON audit (actor_type, tenant_id, timestamp DESC, seq DESC);
-- Nearly all succeed: those are found by time alone.
CREATE INDEX audit_result ON audit (result, tenant_id, timestamp DESC, seq DESC) WHERE result <> 'success';
