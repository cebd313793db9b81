#!/usr/bin/env bash
# Checks licences, duplicates and sources of the dependencies against deny.toml; installs cargo-deny into the cache once.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

version=0.20.2
tools="$DRIFTWATCH_CACHE/tools"

if [ "$(cargo-deny --version 2>/dev/null)" != "cargo-deny $version" ]; then
    echo "deny: building cargo-deny $version, once"
    CARGO_TARGET_DIR="$tools/build" cargo install --locked --quiet cargo-deny --version "$version" --root "$tools"
    rm -rf "$tools/build"
    export PATH="$tools/bin:$PATH"
fi
cargo-deny --log-level error check bans licenses sources
