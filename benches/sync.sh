#!/usr/bin/env bash
# Starts a PostgreSQL server in a folder of its own, measures benches/sync.rs against it, and removes it again.
#
#   bash benches/sync.sh [PROGRAM]      PROGRAM: the bench as built before; else cargo builds it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
folder=$(mktemp -d /tmp/linesman-sync.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  chown 65534:65534 "$folder"
fi
end() {
  "${as[@]}" "$programs/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap end EXIT
cd "$folder"
"${as[@]}" "$programs/initdb" -D "$folder/data" -U owner -A trust -E UTF8 >/dev/null
"${as[@]}" "$programs/pg_ctl" -D "$folder/data" -l "$folder/data/log" -w -o "-k $folder -c listen_addresses=" start >/dev/null
psql=("${as[@]}" "$programs/psql" -h "$folder" -U owner -X -q -v ON_ERROR_STOP=1)
"${psql[@]}" -d postgres -c "CREATE DATABASE linesman"
cd - >/dev/null
"${psql[@]}" -d linesman <docs/records-server.sql
"${psql[@]}" -d linesman -c "CREATE ROLE one LOGIN IN ROLE linesman_writer"
export SYNC_SERVER="postgres://one@/linesman?host=$folder"
if [ $# -gt 0 ]; then "$1" --bench; else cargo bench --features postgres --bench sync; fi
