# Everything a person or a machine does with this checkout. `make` alone lists it.
#
# What is built and fetched lives in DRIFTWATCH_CACHE (default ~/.cache/driftwatch, see scripts/env.sh), outside the checkout.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test soak check bench quality population clean-data

# Which toolchain and which target directory; every recipe that runs cargo starts with it.
ENV := . scripts/env.sh

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

# Builds the service only, without the tables of replay: a first look must not wait for what it does not show.
demo: ## Build the service and watch it catch a hijacked agent (ARGS="…" goes to `driftwatch demo`)
	@scripts/setup.sh
	$(ENV); cargo run --package detector --bin driftwatch -- demo $(ARGS)

# One build for everything: the stories in tests/ run the binaries, and a second build with other features would double it.
test: ## Install what the tests need and run all of them, end to end included
	@scripts/setup.sh --tests
	$(ENV); cargo build --workspace --bins --tests
	$(ENV); cargo test --workspace --no-fail-fast

# Ten minutes or so. SEED is printed, and the same one does the same again.
soak: ## A fleet under load that is killed again and again, broker included (SEED=… to repeat one)
	@scripts/setup.sh --tests
	@scripts/soak.sh

# Cheapest first.
check: ## Formatting, lints, licences and sources of dependencies, documentation
	@scripts/setup.sh
	$(ENV); cargo fmt --all --check
	@scripts/deny.sh
	$(ENV); cargo clippy --workspace --all-targets -- -D warnings
	$(ENV); RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Optimized builds, so not part of the tests; numbers are worth comparing only on a quiet machine.
bench: ## Time the hot paths of the engine and the readers
	@scripts/setup.sh
	$(ENV); cargo bench --package models --package datasets $(ARGS)

quality: ## Measure detection on recorded agents and public benchmarks (ARGS="--out docs/quality.md")
	@scripts/setup.sh
	@$(ENV); scripts/quality.sh $(ARGS)

# Some minutes: five runs of 60 days, then thousands of attacked sessions, each against an engine of its own.
population: ## Measure false alarms and attacks on a generated population (writes docs/population.md)
	@scripts/setup.sh
	$(ENV); cargo build --quiet --workspace --bins
	$(ENV); "$$CARGO_TARGET_DIR/debug/driftwatch-replay" population --agents 300 --days 60 --attacked 300 --ramped 30 --out docs/population.md $(ARGS)

clean-data: ## Remove what demos and quality runs have left; what is built or fetched stays
	@$(ENV); rm -rf "$$DRIFTWATCH_CACHE/demo" "$$DRIFTWATCH_CACHE/quality"
