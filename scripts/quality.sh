#!/bin/sh
# Measures the engine on the recorded agent traces and prints a table; flags are passed on (--out docs/quality.md, --json).
set -eu

if [ -z "${DRIFTWATCH_DATASETS:-}" ]; then
    echo "quality: set DRIFTWATCH_DATASETS to the folder that holds agent-traces" >&2
    exit 2
fi
if [ ! -d "$DRIFTWATCH_DATASETS/agent-traces" ]; then
    echo "quality: there is no folder agent-traces in $DRIFTWATCH_DATASETS; point DRIFTWATCH_DATASETS at the folder that holds it" >&2
    exit 2
fi
data=$(cd "$DRIFTWATCH_DATASETS" && pwd)
cd "$(dirname "$0")/.."
# The whole workspace, as the tests build it: the same dependencies then serve both.
cargo build --quiet --workspace --bins
exec "${CARGO_TARGET_DIR:-target}/debug/driftwatch-replay" quality --data "$data" "$@"
