#!/bin/sh
# Installs what the tests need and Python packages cannot bring: a browser, a load balancer, a stock Redis,
# Prometheus, an identity provider, Helm, checkov. Does nothing if all are there.
set -eu
cd "$(dirname "$0")/.."

install_provider() {
    [ -d tests/oauth/node_modules/oidc-provider ] && return
    echo "Installing: the identity provider of the tests"
    if ! npm install --prefix tests/oauth --no-package-lock --no-audit --no-fund --loglevel=error; then
        echo "npm could not install what tests/oauth/package.json names. Install it by hand and run this again." >&2
        exit 1
    fi
}

install_helm() {
    [ -x .cache/helm/helm3 ] && [ -x .cache/helm/helm4 ] && [ -e .cache/helm/checkov/complete ] && return
    echo "Installing: Helm 3 and 4, and checkov"
    if ! .venv/bin/python -m tests.helm.binaries >/dev/null; then
        echo "What tests/helm/binaries.py fetches could not be installed. HELM3 and HELM4 name a Helm of yours." >&2
        exit 1
    fi
}

missing=""
for part in chromium haproxy redis-server npm prometheus; do
    command -v "$part" >/dev/null 2>&1 || [ -x "/usr/sbin/$part" ] || missing="$missing $part"
done
if [ -z "$missing" ]; then
    install_provider
    install_helm
    exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need:$missing. There is no apt-get here: install them and run this again." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
else
    echo "The tests need:$missing. As root: apt-get install --yes --no-install-recommends$missing" >&2
    exit 1
fi

echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of words on purpose
if ! { $as_root apt-get update -qq && $as_root apt-get install -qq --yes --no-install-recommends $missing >/dev/null; }; then
    echo "apt-get could not install:$missing. Install them by hand and run this again." >&2
    exit 1
fi
install_provider
install_helm
