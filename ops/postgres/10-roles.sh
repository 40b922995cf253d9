#!/bin/sh
# Runs once, on an empty PostgreSQL: the role that owns the schemas and migrates them, and the role that Muster works as.
# The latter owns nothing and bypasses nothing, so row-level security holds for it.
set -eu

psql -v ON_ERROR_STOP=1 --username postgres \
    -v owner="$(cat /run/secrets/postgres-owner)" -v app="$(cat /run/secrets/postgres-app)" <<'SQL'
create role muster_owner login password :'owner';
create role muster_app login password :'app' nosuperuser nobypassrls nocreatedb nocreaterole;
create database muster owner muster_owner;
revoke all on database muster from public;
grant connect on database muster to muster_app;
SQL
