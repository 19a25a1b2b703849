# The doors to the project. `make` alone lists them.
#
# Everything is built by Cargo; a target only says what is done and how long it takes. The first set-up
# on a machine compiles RocksDB, which is most of the wait; it is kept in the cache, see
# packaging/rocksdb/README.md. CARGO_TARGET_DIR and HIS_AGENT_CACHE are honoured.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests setup-prove build demo test package prove bench fuzz fmt lint doc manual deny clean

target := $(or $(CARGO_TARGET_DIR),target)

# The doctor refuses a store in memory, where a sync is none: there the tests have their folders on the disk.
ifeq ($(shell stat -f -c %T "$${TMPDIR:-/tmp}"),tmpfs)
export TMPDIR := /var/tmp
endif

say := @printf '%s: %s\n'

help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## put missing tools in place and compile RocksDB, once per machine (10 minutes)
	@packaging/setup/debian.sh build
	@packaging/setup/rocksdb.sh

setup-tests: setup
	@packaging/setup/debian.sh tests
	@packaging/setup/npm-clients.sh
	@packaging/setup/schemathesis.sh
	@packaging/setup/clean-root.sh

setup-prove: setup-tests
	@packaging/setup/debian.sh prove

build: setup ## build the release binary (5 minutes the first time)
	$(say) build "the release binary; about 5 minutes on two cores the first time"
	@cargo build --release --locked --bin his-agent
	$(say) build "done: $(target)/release/his-agent"

package: setup ## make deb, rpm and tar.gz for every system with glibc 2.17 or later (45 minutes the first time)
	@packaging/setup/debian.sh package
	@packaging/package.sh

demo: build ## show the whole road on this machine: sample messages in, records and answers out
	@$(target)/release/his-agent demo

# One profile for the binary and the tests: a second one would double the time. All targets are built in
# one go, since Cargo chooses the features of a shared dependency by what is built together.
test: setup-tests ## run the demo once, then every test (10 minutes the first time)
	$(say) test "building the agent and all tests; about 8 minutes on two cores the first time"
	@cargo build --workspace --all-targets --locked
	$(say) test "the demo, once through"
	@$(target)/debug/his-agent demo --once
	$(say) test "every test; some start a RabbitMQ of their own, about 2 minutes"
	@cargo test --workspace --locked --no-fail-fast

prove: setup-prove package ## run the long form of every proof: 10000 kills, 1000 power cuts, broker faults, damage, heavy clients (a night); ENDS=200 for fewer (an hour)
	$(say) prove "building the agent and all tests; about 8 minutes on two cores the first time"
	@cargo build --workspace --all-targets --locked
	$(say) prove "the long forms; a night, with ENDS=200 about an hour"
	@HIS_AGENT_PROVE=long $(if $(ENDS),HIS_AGENT_ENDS=$(ENDS)) cargo test --workspace --locked --test it -- --nocapture
	@HIS_AGENT_PROVE=long cargo test --package agent --lib --locked -- outbox::tests::doctor forward::tests::joined --nocapture

bench: setup-tests ## measure against the limits of this machine; QUEUE=1000000 for a shorter one
	$(say) bench "building with optimisation; about 5 minutes on two cores the first time"
	@HIS_AGENT_BENCH_QUEUE=$(or $(QUEUE),10000000) cargo bench --locked --package tests

fuzz: ## feed every reader with what nobody would send; FUZZ_SECONDS each (3600 for a night)
	$(say) fuzz "building with coverage counters; about 2 minutes on two cores the first time"
	@tests/fuzz/run $(or $(FUZZ_SECONDS),60)

fmt: ## bring the sources into form
	@cargo fmt --all

lint: setup ## check form and lints
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings

doc: setup ## build the documentation of the crates
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	$(say) doc "done: $(target)/doc/agent/index.html"

manual: ## make the manual's pages, to be read without a network
	@packaging/manual.sh

deny: ## check licences, sources and banned crates of all dependencies
	@packaging/setup/cargo-tools.sh
	@source packaging/setup/common.sh && "$$cache/tools/bin/cargo-deny" check bans licenses sources

clean: ## remove what was built here; the cache outside the checkout stays
	@cargo clean
	@rm -rf demo-data
