#!/bin/sh
# Measures the engine on the recorded agent traces and prints a table; flags are passed on (--out docs/quality.md, --json).
# A relative --out is seen from where the script is called.
set -eu

if [ -z "${DRIFTWATCH_DATASETS:-}" ]; then
    echo "quality: set DRIFTWATCH_DATASETS to the folder that holds agent-traces" >&2
    exit 2
fi
if [ ! -d "$DRIFTWATCH_DATASETS/agent-traces" ]; then
    echo "quality: there is no folder agent-traces in $DRIFTWATCH_DATASETS; point DRIFTWATCH_DATASETS at the folder that holds it" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
# The whole workspace, as for the tests: `--package replay` alone selects other features of shared dependencies, and
# polars would be built a second time.
cargo build --quiet --manifest-path "$root/Cargo.toml" --workspace --bins
exec "${CARGO_TARGET_DIR:-$root/target}/debug/driftwatch-replay" quality --data "$DRIFTWATCH_DATASETS" "$@"
