#!/bin/sh
# Writes which versions the image has: requirements.txt from pyproject.toml, and what builds the wheel. Needs uv.
# Versions stay as they are unless they have to change; --upgrade raises all.
set -eu
cd "$(dirname "$0")/../.."
lock() {
    out="$1"
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --no-header --output-file "infra/docker/$out" "$@"
}
lock requirements.txt --extra s3 --extra cloudwatch --extra dashboard --extra otel pyproject.toml "$@"
lock requirements-build.txt infra/docker/requirements-build.in "$@"
