#!/bin/sh
# Roles and the database of the telemetry server. It may run any number of times, and changes only what differs.
#
# Run by the Docker image (docker-entrypoint-initdb.d) and, at every start, by deploy/local. Connects as the
# superuser through libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD), or as POSTGRES_USER in Docker.
# Passwords: TELEMETRY_OWNER_PASSWORD, INGESTION_APP_PASSWORD, TELEMETRY_QUERY_PASSWORD.
set -eu
PGUSER=${PGUSER:-${POSTGRES_USER:-postgres}} PGDATABASE=postgres
export PGUSER PGDATABASE

psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv owner_password TELEMETRY_OWNER_PASSWORD
\getenv ingestion_password INGESTION_APP_PASSWORD
\getenv query_password TELEMETRY_QUERY_PASSWORD
SELECT format('CREATE ROLE %I', role)
  FROM unnest(ARRAY['telemetry_owner', 'ingestion_app', 'ingestion_system', 'telemetry_query', 'telemetry_views']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE telemetry_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE ingestion_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'ingestion_password';
ALTER ROLE ingestion_system LOGIN NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'ingestion_password';
ALTER ROLE telemetry_query LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'query_password';
-- Owns the tenant-filtered views, so that the reader needs no right on the tables beneath them. Nobody logs in as
-- it; the owner may become it, so that a migration can hand a view over.
ALTER ROLE telemetry_views NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
GRANT telemetry_views TO telemetry_owner WITH SET TRUE, INHERIT TRUE;

SELECT 'CREATE DATABASE telemetry OWNER telemetry_owner'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'telemetry') \gexec
REVOKE ALL ON DATABASE telemetry FROM PUBLIC;
GRANT CONNECT ON DATABASE telemetry TO telemetry_owner, ingestion_app, ingestion_system, telemetry_query;
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
SQL

export PGDATABASE=telemetry
psql -X -q -v ON_ERROR_STOP=1 -c 'SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS timescaledb'
# A newer library than the database was made with refuses to work until this ran, first thing in its session.
PGOPTIONS='-c client_min_messages=warning' psql -X -q -v ON_ERROR_STOP=1 -c 'ALTER EXTENSION timescaledb UPDATE'
