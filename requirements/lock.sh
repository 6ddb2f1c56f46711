#!/bin/sh
# Locks the dependencies of each way to install Hesuan: names, versions and hashes, no index's address.
set -eu
lock() {
  out=$1
  shift
  pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-header \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
    --output-file "requirements/$out.txt" "$@" pyproject.toml requirements/build.in
}
lock bare
lock demo --extra hub --extra agent
lock dev --extra hub --extra agent --extra postgres --extra plot --extra dev
