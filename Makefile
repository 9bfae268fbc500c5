# The only door: `make help` lists what is here. Everything installs itself on a bare machine
# with Python 3.11-3.13, Java 17 or newer and Maven.
SHELL := /bin/bash
PYTHON ?= $(shell for v in python3.11 python3.12 python3.13 python3; do \
	"$$v" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$v && break; done)
VENV := .venv
BIN := $(VENV)/bin
SECONDS_ARG = $(if $(filter-out undefined environment default,$(origin SECONDS)),$(SECONDS),$(1))

.DEFAULT_GOAL := help
.PHONY: help setup demo test suite check simulate format loadtest drills soak clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements.txt requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "cxpulse needs Python 3.11, 3.12 or 3.13 on PATH" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q pipeline tests loadtest  # else each process may compile it anew
	@touch $@

setup: $(VENV)/.ready ## install everything into .venv

demo: setup ## the whole pipeline live, then a verdict (SECONDS=60)
	$(BIN)/cxpulse demo --seconds $(call SECONDS_ARG,60)

check: setup ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The types are checked, on one core, while the first servers start.
test: setup ## check, and every test on the real broker and the real engine
	@$(MAKE) --no-print-directory --jobs=2 check suite

# Three processes on two cores, since most tests wait for servers.
suite: setup
	$(BIN)/python -W error::DeprecationWarning:pipeline -m pytest \
		--numprocesses=3 --dist=loadfile --no-loadscope-reorder --durations=20 tests

simulate: setup ## random fault schedules, simulated (SCHEDULES=10000, or SEED=7 to replay one)
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--schedules $(or $(SCHEDULES),10000))

format: setup ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

loadtest: setup ## measure catch-up, freshness, memory, restore; side by side
	$(BIN)/python -m loadtest

drills: setup ## break every part on purpose; a table of lost, double, seconds to resume
	$(BIN)/cxpulse drill all

soak: setup ## 1,000 responses a second, and a random kill every 20 s (SECONDS=900)
	$(BIN)/cxpulse drill soak --seconds $(call SECONDS_ARG,900)

clean: ## remove what the targets made
	rm -rf $(VENV) .data .mypy_cache .ruff_cache .pytest_cache .hypothesis deploy/kafka/target build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
