#!/bin/sh
# Makes the two databases, each with a role of its own: who gets the password of one does not get the other.
# The passwords are in the files ledger_password and vault_password of the folder SCANWARD_SECRETS names.
# Run it as a superuser of PostgreSQL, by whatever PGHOST, PGUSER and the like say. Run once.
set -eu

for store in ledger vault; do
  PASSWORD_FILE=${SCANWARD_SECRETS:-/run/secrets}/${store}_password
  export PASSWORD_FILE
  [ -s "$PASSWORD_FILE" ] || { echo "expected a password in ${store}_password" >&2; exit 1; }
  # Read by psql itself, so that no list of processes shows it.
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set role="scanward_$store" --dbname postgres <<'SQL'
\set password `cat "$PASSWORD_FILE"`
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done
