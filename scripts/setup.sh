#!/usr/bin/env bash
# Installs what the build needs, and with --tests also what the end-to-end tests need. Says nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/env.sh

usage="usage: scripts/setup.sh [--tests]"
tests=no
case "$#:${1:-}" in
    0:) ;;
    1:--tests) tests=yes ;;
    1:-h | 1:--help) echo "$usage"; exit 0 ;;
    *) echo "$usage" >&2; exit 2 ;;
esac

fail() { echo "setup: $*" >&2; exit 1; }

missing=()
need_command() { command -v "$1" >/dev/null || missing+=("$2"); }
need_library() { pkg-config --exists "$1" 2>/dev/null || missing+=("$2"); }

need_command gcc gcc
need_command g++ g++
need_command make make
need_command pkg-config pkg-config
need_library zlib zlib1g-dev
need_library openssl libssl-dev
if [ "$tests" = yes ]; then
    need_command java default-jre-headless
    need_command mvn maven
    need_command python3 python3
    need_command strace strace
    need_command chromium chromium
    need_command fc-list fontconfig
    [ -n "$(fc-list 2>/dev/null)" ] || missing+=(fonts-dejavu-core)
fi

if [ "${#missing[@]}" -gt 0 ]; then
    command -v apt-get >/dev/null || fail "no apt-get here, so please install by hand what matches the Debian packages: ${missing[*]}"
    root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "neither root nor sudo, so please have installed: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    echo "setup: installing ${missing[*]}"
    apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null; }
    apt update || echo "setup: the package lists could not be renewed, going on with those that are there" >&2
    log="$(mktemp)"
    if ! apt install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
        tail -20 "$log" >&2
        rm -f "$log"
        fail "apt-get could not install ${missing[*]}: see above"
    fi
    rm -f "$log"
fi

if ! command -v rustc >/dev/null; then
    fail "no Rust here: please install Rust $rust_pinned, best with rustup"
fi
if [ "$(rust_version)" != "$rust_pinned" ]; then
    if command -v rustup >/dev/null; then
        rustup toolchain install "$rust_pinned" --profile minimal --component clippy --component rustfmt </dev/null ||
            fail "Rust $rust_pinned is not installed and rustup cannot fetch it: please install it where rustup finds it"
    elif [ "$(printf '%s\n' "$rust_pinned" "$(rust_version)" | sort -V | head -n1)" != "$rust_pinned" ]; then
        fail "Rust $(rust_version) is too old: please install $rust_pinned or newer"
    fi
fi

if [ "$tests" = yes ]; then
    java="$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')"
    [ "${java:-0}" -ge 17 ] || fail "java ${java:-of unknown version} is too old for the broker: please install Java 17 or newer"
    scripts/kafka.sh
fi
