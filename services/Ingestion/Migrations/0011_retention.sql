-- Readings older than a tenant's plan keeps them are deleted, and the deletion is told as usage in the same commit.
GRANT DELETE ON readings TO {{system}};

-- The last day whose count of the readings was compared with the accounts.
CREATE TABLE reconciliation (
    day         date NOT NULL,
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row)
);
INSERT INTO reconciliation (day) VALUES ('2000-01-01');
GRANT SELECT, UPDATE ON reconciliation TO {{system}};

-- The one thing that the reader role may write: that its transaction's tenant began an export, and nothing else of it. As the owner, with a
-- search path that the caller cannot bend.
CREATE FUNCTION tenant.count_export() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO public.used (entries)
    SELECT jsonb_build_array(jsonb_build_object(
        'TenantId', public.current_tenant(),
        'Minute', to_char(date_trunc('minute', now() AT TIME ZONE 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'Exports', 1))::text
    WHERE public.current_tenant() IS NOT NULL
    $$;
REVOKE ALL ON FUNCTION tenant.count_export() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant.count_export() TO telemetry_query;
