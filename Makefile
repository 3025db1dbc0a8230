# `make test` passes every test on a fresh clone; what is missing it installs. Everything else is a part of it, or takes longer.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(HOME)/.cargo/bin:$(PATH)

CARGO := cargo --locked
# Tests say where they fail without debug information; it would cost minutes.
export CARGO_PROFILE_DEV_DEBUG ?= 0
export CARGO_PROFILE_TEST_DEBUG ?= 0
# What is run here to be checked, not to be measured, is optimised and quick to build.
CHECKED := --profile checked
BUILT := $(or $(CARGO_TARGET_DIR),target)
RESULTS := $(BUILT)/test-results.log
# The sanitizer's flags are unstable: nightly, or stable told to take them.
FUZZ := $(shell if rustc +nightly --version >/dev/null 2>&1; then echo cargo +nightly fuzz; else echo RUSTC_BOOTSTRAP=1 cargo fuzz; fi)
FUZZ_TARGETS := plan_import fact_decode record_decode commands store_files ticket_code waiting_room
FUZZ_SECONDS ?= 600
SIMULATE := $(CARGO) run $(CHECKED) -p ticketcore --features testkit --example simulate --
SEEDS ?= 0..2000
INSPECT := $(CARGO) run $(CHECKED) -p ticketcore --features testkit --example inspect --
ONSALE := $(CARGO) run $(CHECKED) -p ticketcore --features testkit --example onsale --

.PHONY: help
help: ## Says what there is to make.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

.PHONY: test
test: tools fmt clippy doc unit shuttle deny fuzz smoke simulate-short inspect rehearse-short server ## Everything, from a fresh clone; ends with the count.
	@scripts/tally $(RESULTS)

.PHONY: tools
tools: ## Installs what the other targets need and is not there.
	@scripts/tools

.PHONY: fmt
fmt: ## The form of the code.
	$(CARGO) fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

.PHONY: clippy
clippy: ## Lints, for every set of features that ships; warnings are errors.
	$(CARGO) clippy -p ticketcore --all-targets --no-default-features -- -D warnings
	$(CARGO) clippy -p ticketcore --all-targets --features testkit -- -D warnings
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	$(CARGO) clippy --manifest-path fuzz/Cargo.toml --all-targets -- -D warnings

.PHONY: doc
doc: ## Documentation, private items too; a broken link is an error.
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --all-features --document-private-items

.PHONY: unit
unit: ## Unit, integration, property and documentation tests, with the default features and with all.
	@mkdir -p $(BUILT) && : > $(RESULTS)
	$(CARGO) test -p ticketcore 2>&1 | tee -a $(RESULTS)
	$(CARGO) test --workspace --all-features 2>&1 | tee -a $(RESULTS)

# Built apart: the flag would have everything else built again.
.PHONY: shuttle
shuttle: ## The engine over chosen thread schedules; one test, one schedule: make shuttle ONLY=locks:: SCHEDULE=...
	@mkdir -p $(BUILT)
	RUSTFLAGS="--cfg shuttle" $(CARGO) test -p ticketcore --features testkit \
		--test schedules --target-dir $(BUILT)/shuttle -- $(ONLY) 2>&1 | tee -a $(RESULTS)

.PHONY: deny
deny: ## Licences, sources and duplicates of the dependencies. (Advisories need a database that is not in a package registry.)
	$(CARGO) fetch
	$(CARGO) fetch --manifest-path fuzz/Cargo.toml
	cargo deny --offline --all-features check bans licenses sources
	cargo deny --offline --manifest-path fuzz/Cargo.toml --config deny.toml check bans licenses sources

.PHONY: fuzz
fuzz: ## Builds the fuzz targets and runs each over its seeds and a few seconds more.
	$(FUZZ) build
	@$(MAKE) fuzz-run FUZZ_SECONDS=5

.PHONY: fuzz-run
fuzz-run:
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/corpus/$$target; \
		echo "fuzz $$target: $(FUZZ_SECONDS) s"; \
		$(FUZZ) run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=4096 -print_final_stats=0 -verbosity=0; \
	done

.PHONY: smoke
smoke: ## Sells out two venues, on the disk and in memory, kills the seller a few times, and looks at the books.
	$(ONSALE) --venue theatre --json | scripts/check-onsale
	$(ONSALE) --venue stadium --json | scripts/check-onsale
	$(ONSALE) --venue stadium --memory --json | scripts/check-onsale
	$(ONSALE) --venue stadium --payment-failures 10 --gateway-timeouts 5 --late-money 2 --refunds 3 --crash-loop 5 --json | scripts/check-onsale

.PHONY: simulate-short
simulate-short: ## Two thousand simulated sales with faults, over both stores: every outcome there is, and every canary caught by the name of what it breaks.
	$(SIMULATE) --seeds 0..2000
	$(SIMULATE) --seeds 0..300 --canaries

.PHONY: inspect
inspect: ## Sells an arena on the disk and lets `inspect` look at what is there.
	@rm -rf $(BUILT)/arena
	$(ONSALE) --venue arena --data $(BUILT)/arena --json | scripts/check-onsale
	$(INSPECT) audit $(BUILT)/arena
	$(INSPECT) verify $(BUILT)/arena
	$(INSPECT) stats $(BUILT)/arena
	@rm -rf $(BUILT)/arena

.PHONY: server
server: ## The server as strangers meet it: every operation by schemathesis, metrics, the interface's document, the page in a browser, the lines to paste.
	$(CARGO) build $(CHECKED) -p ticketcore-server
	scripts/check-server $(BUILT)/checked/ticketcore-server

.PHONY: rehearse-short
rehearse-short: ## Five thousand seats, twenty thousand people, over TCP: from the first in the queue to the last seat, bots among them.
	$(CARGO) run $(CHECKED) -p ticketcore-benches --bin rehearsal -- --users 20000 --seats 5000 --json

# What takes longer.

.PHONY: rehearse
rehearse: ## The same with 80,000 seats and a million people; draws a page.
	$(CARGO) run --release -p ticketcore-benches --bin rehearsal -- --users 1000000 --seats 80000 --report $(BUILT)/rehearsal --json

.PHONY: simulate
simulate: ## Many simulated sales: make simulate SEEDS=0..2000
	$(SIMULATE) --seeds $(SEEDS)

.PHONY: limits
limits: ## Measures the engine beside the limits of the same machine.
	$(CARGO) run --release -p ticketcore-benches --bin limits

.PHONY: http-limits
http-limits: ## Measures the server beside bare hyper on the same machine.
	$(CARGO) run --release -p ticketcore-benches --bin http

.PHONY: crash-loop
crash-loop: ## Kills the seller of a stadium 25 times and looks for everything it had acknowledged.
	$(ONSALE) --venue stadium --crash-loop 25 --json | scripts/check-onsale

.PHONY: fuzz-long
fuzz-long: tools ## Fuzzes each target for long: make fuzz-long FUZZ_SECONDS=600
	$(FUZZ) build
	@$(MAKE) fuzz-run

.PHONY: bench
bench: ## Runs the benchmarks.
	$(CARGO) bench --workspace
