#!/bin/sh
# What the image starts with: puts settings, master key and other secrets where Scanward wants them, then becomes it.
# Secrets are copied since those that are mounted can be read by others than their owner, which Scanward refuses.
set -eu
umask 077

home=${SCANWARD_HOME:?}
secrets=${SCANWARD_SECRETS:?}
settings=${SCANWARD_SETTINGS:?}

fail() {
  echo "scanward-enter: $1" >&2
  exit 1
}

# Write what comes in to the file $1, whole or not at all, as other containers may read it at the same moment.
put() {
  staged=$1.$$
  cat >"$staged"
  mv -f "$staged" "$1"
}

# Without these each container would make a key and settings of its own, and read nothing of what the others wrote.
[ -s "$secrets/master_key" ] || fail "expected the secret master_key: scanward keys export makes it"
[ -s "$settings" ] || fail "expected the settings, scanward.toml"

mkdir -p "$home/secrets"
ln -sfn "$settings" "$home/scanward.toml"
scanward keys import "$secrets/master_key" >/dev/null

# Passwords of the databases, in the form that PostgreSQL's client reads.
for store in ledger vault; do
  if [ -s "$secrets/${store}_password" ]; then
    printf '*:*:*:scanward_%s:%s\n' "$store" "$(sed 's/[\\:]/\\&/g' "$secrets/${store}_password")"
  fi
done | put "$home/pgpass"
export PGPASSFILE="$home/pgpass"

# All others: what the settings and the documents of recipients name, as SCANWARD_HOME/secrets/NAME.
for secret in "$secrets"/*; do
  case ${secret##*/} in
    master_key | ledger_password | vault_password) ;;
    *) [ ! -f "$secret" ] || put "$home/secrets/${secret##*/}" <"$secret" ;;
  esac
done

exec scanward "$@"
