#!/usr/bin/env bash
# Measures a fleet through a real broker: events a second, milliseconds from producing to the webhook, identities restored a
# second. Prints the rows of docs/performance.md; without arguments all three tables.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

usage="usage: scripts/bench-fleet.sh [rates] [latency] [restore] (IDENTITIES=\"1000 10000\" chooses the sizes to restore, PROFILE=release an optimized build)"
for part in "$@"; do
    case "$part" in
        rates | latency | restore) ;;
        -h | --help) echo "$usage"; exit 0 ;;
        *) echo "$usage" >&2; exit 2 ;;
    esac
done

profile="${PROFILE:-dev}"
cargo build --quiet --profile "$profile" --workspace --bins
for part in "${@:-rates latency restore}"; do
    for name in $part; do
        echo "load: $(cut -d' ' -f1-3 /proc/loadavg)"
        cargo test --quiet --profile "$profile" --workspace --test stories -- --ignored --nocapture "fleet::figures::$name" | grep '^|\|Error\|FAILED'
    done
done
