#!/bin/sh
# Locks the dependencies of each way to install Hesuan: names, versions and hashes, no index's address.
# `lock.sh --keep` adds what is new in pyproject.toml and leaves every version that is locked already.
set -eu
upgrade=--upgrade
[ "${1:-}" != --keep ] || upgrade=--no-upgrade
lock() {
  out=$1
  shift
  pip-compile --quiet "$upgrade" --strip-extras --generate-hashes --allow-unsafe --no-header \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
    --output-file "requirements/$out.txt" "$@" pyproject.toml requirements/build.in
}
lock bare
lock demo --extra hub --extra agent
lock dev --extra hub --extra agent --extra postgres --extra plot --extra ray --extra dev
