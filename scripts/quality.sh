#!/bin/sh
# Measures the engine on recorded agent traces and public benchmarks and prints a page; flags are passed on (--out docs/quality.md, --json).
# A relative --out is seen from where the script is called.
set -eu

if [ -z "${DRIFTWATCH_DATASETS:-}" ]; then
    echo "quality: set DRIFTWATCH_DATASETS to the folder that holds agent-traces and benchmarks" >&2
    exit 2
fi
# Sets that are not there are reported as not measured; a folder with none of them is a mistake.
if [ ! -d "$DRIFTWATCH_DATASETS/agent-traces" ] && [ ! -d "$DRIFTWATCH_DATASETS/benchmarks" ]; then
    echo "quality: there is no folder agent-traces or benchmarks in $DRIFTWATCH_DATASETS; point DRIFTWATCH_DATASETS at the folder that holds them" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
# The whole workspace, as for the tests: `--package replay` alone selects other features of shared dependencies, and
# polars would be built a second time.
cargo build --quiet --manifest-path "$root/Cargo.toml" --workspace --bins
exec "${CARGO_TARGET_DIR:-$root/target}/debug/driftwatch-replay" quality --data "$DRIFTWATCH_DATASETS" "$@"
