#!/bin/sh
# Roles and databases of the platform server. It may run any number of times, and changes only what differs.
#
# Run by the Docker image (docker-entrypoint-initdb.d) and, at every start, by deploy/local. Connects as the
# superuser through libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD), or as POSTGRES_USER in Docker.
# Passwords: IDENTITY_OWNER_PASSWORD, IDENTITY_APP_PASSWORD, and so on for devices, billing and notifier.
set -eu
PGUSER=${PGUSER:-${POSTGRES_USER:-postgres}} PGDATABASE=postgres
export PGUSER PGDATABASE

# Three roles a database: the owner migrates; the other two are the running service, which owns nothing.
# Row-level security binds D_app; D_system passes it, for work that has no caller.
create_database() {
  name=$1 prefix=$(printf '%s' "$1" | tr '[:lower:]' '[:upper:]')
  psql -X -q -v ON_ERROR_STOP=1 -v database="$name" \
    -v owner="${name}_owner" -v app="${name}_app" -v system="${name}_system" <<SQL
\\getenv owner_password ${prefix}_OWNER_PASSWORD
\\getenv app_password ${prefix}_APP_PASSWORD
SELECT format('CREATE ROLE %I', role)
  FROM unnest(ARRAY[:'owner', :'app', :'system']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \\gexec
ALTER ROLE :"owner" LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE :"app" LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
ALTER ROLE :"system" LOGIN NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \\gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"owner", :"app", :"system";
SQL
}

for database in identity devices billing notifier; do
  create_database "$database"
done

# Nobody but the superuser has business in the server's own databases (template1 held open blocks CREATE DATABASE).
psql -X -q -v ON_ERROR_STOP=1 -c 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'
