#!/usr/bin/env bash
# The long form of the fleet's stories: three processes, a quarter of a million events, a blow every few seconds and a broker
# that is killed. SEED chooses the traffic, the assignor and the blows; without it one is drawn.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

export SEED="${SEED:-$RANDOM}"
echo "soak: SEED=$SEED"
cargo build --quiet --workspace --bins
cargo test --quiet --workspace --test stories -- --ignored --nocapture fleet::soak || {
    echo "soak: failed; again with: make soak SEED=$SEED" >&2
    exit 1
}
