# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOOLS := $(or $(CHAMPION_TOOLS),$(HOME)/.cache/champion/tools)
export PATH := $(TOOLS)/bin:$(PATH)
export CHAMPION_PYTHON := $(TOOLS)/python/bin/python

# End-to-end tests that need a real Prometheus or Alertmanager. `make monitoring-test` runs them, `make test` all others after it.
MONITORING_TESTS := binary(alerts) or binary(incident) or binary(monitoring) or binary(notifications)

.PHONY: help setup tools build demo up test monitoring monitoring-check monitoring-test logs-test lint fmt-check clippy doc deny \
	proto-lint config-lint sbom release-check dashboards-preview bench chaos fuzz clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Fetch the pinned warehouse engine, once
	@deploy/setup/fetch-engine.sh

tools: ## Install the programs that tests, lints and benchmarks need, once
	@deploy/setup/test-tools.sh >/dev/null

build: ## Build every service and the CLI
	@cargo build --workspace --bins

demo: setup build ## Start the whole stack, run one day end to end, show it, stop
	@deploy/demo.sh

up: setup build ## Start the whole stack and leave it running until Ctrl-C
	@target/debug/champion up

test: setup tools lint build monitoring-test logs-test ## Everything: lints, alerts, unit tests, end-to-end tests with real processes
	@cargo nextest run --workspace -E 'not ($(MONITORING_TESTS))'

monitoring: ## Render the alert rules and dashboards from their sources
	@python3 monitoring/generate.py

monitoring-check: tools ## Rules, routes, dashboards and runbooks without a stack: rendered, valid, tested at their boundaries
	@python3 monitoring/generate.py --check
	@$(CHAMPION_PYTHON) monitoring/test_generator.py --quiet
	@promtool check rules --lint=all --lint-fatal monitoring/prometheus/rules/*.yml >/dev/null
	@promtool check config monitoring/prometheus/prometheus.yml >/dev/null
	@promtool test rules monitoring/prometheus/tests/*.test.yml
	@$(CHAMPION_PYTHON) monitoring/coverage.py
	@$(CHAMPION_PYTHON) monitoring/grafana/test_check.py --quiet
	@$(CHAMPION_PYTHON) monitoring/preview/test_preview.py --quiet
	@$(CHAMPION_PYTHON) monitoring/grafana/check.py
	@monitoring/alertmanager/check.sh

monitoring-test: setup build monitoring-check ## Rules, routes and dashboards against real Prometheus and Alertmanager; alerts fired for real
	@cargo nextest run --workspace -E '$(MONITORING_TESTS)'

lint: fmt-check clippy doc deny proto-lint config-lint ## Formatting, clippy, docs, dependencies, contract, configurations

fmt-check:
	@cargo fmt --all --check

clippy:
	@cargo clippy --workspace --all-targets --quiet -- -D warnings

doc:
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

deny: tools ## Bans, licences and sources; advisories, said loudly where their database cannot be had (RELEASE=1: fails)
	@cargo deny --log-level error check bans licenses sources
	@deploy/release/advisories.sh

sbom: ## Write and validate a CycloneDX bill of materials for each program: target/sbom
	@deploy/release/sbom.sh

release-check: tools ## What no release goes without: advisories, images by digest, engine pins, bills of materials
	@cargo deny --log-level error check bans licenses sources
	@RELEASE=1 deploy/release/advisories.sh
	@deploy/release/images.py check --release
	@deploy/setup/pin-engine.sh --check
	@deploy/release/sbom.sh

proto-lint: tools
	@cd proto && buf lint

config-lint: tools ## Validate every configuration of deploy/ and monitoring/
	@monitoring/lint.sh

logs-test: setup tools build ## A real rsyslogd reads a real run; the services take the environment of the containers
	@"$(CHAMPION_PYTHON)" monitoring/rsyslog/test_rsyslog.py
	@"$(CHAMPION_PYTHON)" deploy/compose/test_compose.py

dashboards-preview: setup tools build ## Draw every dashboard from a driven stack: target/dashboards, docs/images
	@deploy/setup/browser.sh
	@"$(CHAMPION_PYTHON)" monitoring/preview/demo.py

bench: setup tools ## Measure decoding, a warm run, a backfill, and DuckDB and Polars beside it
	@cargo build --release --workspace --bins --quiet
	@target/release/champion-bench

chaos: setup build ## Kill services at random points, 250 times; CHAOS_SEED=… repeats a schedule
	@target/debug/champion-chaos

fuzz: ## Fuzz every reader of foreign bytes; FUZZ_SECONDS=600 a target, FUZZ_TARGET=name for one
	@fuzz/run.sh

clean: ## Remove build output and the local data folder
	@cargo clean
	@rm -rf .champion
