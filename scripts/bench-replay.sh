#!/usr/bin/env bash
# Times `driftwatch-replay run` on generated events in 45 Parquet files: the first 30 days are learned, the rest is scored,
# on one core and on all. Prints a row of docs/performance.md for each number of events asked for.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

usage="usage: scripts/bench-replay.sh EVENTS... (about so many are made; 50000000 need 10 GB of disk; PROFILE=release if built so)"
case "${1:-}" in
    -h | --help) echo "$usage"; exit 0 ;;
    "" | *[!0-9]*) echo "$usage" >&2; exit 2 ;;
esac

bin="$CARGO_TARGET_DIR/${PROFILE:-debug}"
scratch="$DRIFTWATCH_CACHE/bench-replay"
mkdir -p "$scratch"
# What an agent makes in 45 days with the defaults of `generate`.
events_per_agent=4320

make_set() { # events, folder
    "$bin/driftwatch-datasets" generate --seed 7 --agents $(($1 / events_per_agent + 1)) --days 45 --test-days 0 --out "$scratch/made"
    "$bin/driftwatch-replay" convert --events "$scratch/made/baseline.ndjson.gz" --out "$2.part"
    rm -rf "$scratch/made"
    mv "$2.part" "$2"
}

measure() { # folder, cores, command that chooses them...
    rm -rf "$scratch/out"
    python3 - "$@" "$bin/driftwatch-replay" run --events "$1" --warmup 30d --out "$scratch/out" --progress none --json <<'PY'
import json, os, resource, subprocess, sys
folder, cores, *command = sys.argv[1:]
out = command[command.index("--out") + 1]
s = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
scores, report = (os.path.getsize(os.path.join(out, name)) for name in ("scores.parquet", "report.html"))
n, t = s["events"] + s["learned"]["events"], s["timing"]
print(f"| {n:,} | {s['identities']:,} | {cores} | {t['seconds']:.1f} | {t['events_per_second']:,.0f} | {peak / 1024:,.0f} "
      f"| {size / 2**20:,.0f} | {scores / 2**20:,.1f} | {report / 1024:,.0f} | `{s['digest'][:12]}` |")
PY
}

echo "| events | identities | cores | seconds | events/s | peak MiB | input MiB | scores MiB | report KiB | digest |"
echo "|---|---|---|---|---|---|---|---|---|---|"
for events in "$@"; do
    set="$scratch/$events"
    [ -d "$set" ] || make_set "$events" "$set" >"$scratch/log" 2>&1
    measure "$set" one taskset -c 0
    measure "$set" all env
done
