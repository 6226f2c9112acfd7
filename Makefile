# One interface for people and CI: `make` lists the commands.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install demo demo-fleet up down test test-slow bench lint types check clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Make the virtual environment from pinned versions

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Installing into $(VENV): about two minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: install ## Sample prices, five real tickers: ingest, train, replay 60 sessions, then the UI
	@exec $(BIN)/ldtm demo

demo-fleet: install ## The same for all 103 tickers on simulated prices
	@exec $(BIN)/ldtm demo --fleet

up: install ## The platform on your own prices (see README): UI, schedules, PostgreSQL
	@exec $(BIN)/ldtm up

down: install ## Stop whatever of the above still runs
	@for profile in demo demo-fleet; do $(BIN)/ldtm --profile $$profile down; done; $(BIN)/ldtm down

test: install ## The whole suite
	@$(BIN)/python -m pytest

test-slow: install ## The tests that take minutes
	@$(BIN)/python -m pytest -m slow -n 1

bench: install ## What was promised of speed and memory beside what this machine does: 95 minutes at most; ONLY=upsert
	@$(BIN)/python -m benchmarks $(ONLY)

lint: install ## Style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: install ## Types
	@$(BIN)/mypy

check: install ## The asset graph loads
	@home=$$(mktemp -d) && echo 'telemetry: {enabled: false}' > $$home/dagster.yaml && DAGSTER_HOME=$$home $(BIN)/dg check defs

clean: ## Remove the virtual environment and the demos' data (your own, in ~/.ldtm, stays)
	@test ! -d .ldtm || $(MAKE) --no-print-directory down
	rm -rf $(VENV) .ldtm
