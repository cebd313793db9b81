#!/usr/bin/env bash
# Brings the jars of the tests' Kafka broker (tests/kafka/pom.xml) into the cache. Once they are there and have the pinned
# checksums, it needs no network and says nothing. `scripts/kafka.sh pin` writes the checksums of a changed pom.xml.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

kafka="$DRIFTWATCH_CACHE/kafka"
lib="$kafka/lib"
sums="$PWD/tests/kafka/SHA256SUMS"

fetch() {
    mkdir -p "$kafka"
    new="$(mktemp -d "$kafka/new.XXXXXX")"
    trap 'rm -rf "$new" "$new.log"' EXIT
    # Its output is kept back: even when it is quiet, Maven writes escape sequences.
    mvn --batch-mode --quiet --strict-checksums -f tests/kafka/pom.xml dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$new" </dev/null >"$new.log" 2>&1 || {
        cat "$new.log" >&2
        echo "kafka: Maven could not fetch the jars named in tests/kafka/pom.xml: is a Maven repository reachable?" >&2
        exit 1
    }
}
verified() { (cd "$1" 2>/dev/null && sha256sum --check --strict --quiet "$sums" >&2); }

case "${1:-}" in
    pin)
        fetch
        (cd "$new" && LC_ALL=C sha256sum -- *.jar) >"$sums"
        echo "kafka: pinned $(wc -l <"$sums") jars"
        ;;
    "")
        if verified "$lib" 2>/dev/null; then
            exit 0
        fi
        echo "kafka: fetching the broker's jars"
        fetch
        verified "$new" || {
            echo "kafka: a jar differs from its checksum in tests/kafka/SHA256SUMS; nothing was installed" >&2
            exit 1
        }
        rm -rf "$lib"
        mv "$new" "$lib"
        ;;
    *)
        echo "usage: scripts/kafka.sh [pin]" >&2
        exit 2
        ;;
esac
