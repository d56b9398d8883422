#!/bin/sh
# Makes the passwords and keys of infra/compose.yaml, at random, in infra/.env; what is there stays.
# Only you can read it. To change the key of sessions without losing them see docs/local-fleet.md.
set -eu
file="$(dirname "$0")/.env"
umask 077
touch "$file"
[ -z "$(tail -c 1 "$file")" ] || echo >>"$file" # a last line that an editor has not ended
for name in FLET_SECRET_KEY VALKEY_PASSWORD S3_ACCESS_KEY S3_SECRET_KEY GRAFANA_PASSWORD; do
    grep -q "^$name=" "$file" || echo "$name=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >>"$file"
done
echo "infra/.env has all of them."
