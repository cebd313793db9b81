# shellcheck shell=bash
# Sourced, not run: where everything that is built or fetched lives, and which toolchain builds it.
# The cache outlives a checkout, so that a fresh clone on the same machine rebuilds only the workspace's own crates.

export DRIFTWATCH_CACHE="${DRIFTWATCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/driftwatch}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$DRIFTWATCH_CACHE/target}"
export PATH="$PATH:$HOME/.cargo/bin:$DRIFTWATCH_CACHE/tools/bin"

rust_pinned="$(sed -n 's/^channel = "\(.*\)"/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../rust-toolchain.toml")"

rust_version() { rustc --version 2>/dev/null | cut -d' ' -f2; }

# rustup knows a toolchain by its name only: the same release installed as `stable` serves as well, and offline.
if [ -z "${RUSTUP_TOOLCHAIN:-}" ] && command -v rustup >/dev/null && ! rustup which rustc >/dev/null 2>&1; then
    for toolchain in $(rustup toolchain list 2>/dev/null | cut -d' ' -f1); do
        if [ "$(RUSTUP_TOOLCHAIN="$toolchain" rust_version)" = "$rust_pinned" ]; then
            export RUSTUP_TOOLCHAIN="$toolchain"
            break
        fi
    done
    unset toolchain
fi
