# Everything a person types. `make run` and `make test` set up what they need.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
BROWSER := $(BIN)/python -m pytest tests/browser --confcutdir=tests/browser -p no:randomly
FAULTS := $(BIN)/python -m pytest tests/faults --confcutdir=tests/faults -p no:randomly -n 3

FUZZ := $(BIN)/python -m pytest tests/fuzz --confcutdir=tests/fuzz -p no:randomly

.DEFAULT_GOAL := help
.PHONY: help run test unit fuzz faults deploy browser audit soak lint types fmt ci bench clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

run: $(STAMP)-run ## Set up, migrate and serve on http://127.0.0.1:8000 (PORT changes it)
	@$(BIN)/flask --app wsgi db upgrade
	@exec $(BIN)/gunicorn -c gunicorn.conf.py wsgi:app

test: unit fuzz faults deploy browser ## Set up and run all tests

unit: $(STAMP)-dev ## Run the unit and contract tests
	$(BIN)/python -m pytest

fuzz: $(STAMP)-dev ## Run the fuzzers for some seconds (make soak: for an hour)
	$(FUZZ) -m "not soak"

faults: $(STAMP)-dev ## Run the fault tests: workers killed, stores gone, readers at their worst
	$(FAULTS) -m "not soak"

deploy: $(STAMP)-dev ## Run the deploy tests (behind nginx and Caddy, where they are installed)
	$(BIN)/python -m pytest tests/deploy --confcutdir=tests/deploy -p no:randomly

soak: $(STAMP)-dev ## Run fuzzers for long, every fault TURNS times (5) with other seeds, and load for MINUTES (120)
	$(FUZZ) -m soak
	seed=$${RILL_FAULT_SEED:-$$(date +%s)}; for turn in $$(seq $(or $(TURNS),5)); do \
		RILL_FAULT_SEED=$$((seed + turn)) $(FAULTS) || exit 1; done
	$(BIN)/python -m bench.soak $(or $(MINUTES),120)

browser: $(STAMP)-dev ## Run the browser tests (needs Chromium)
	$(BROWSER)

lint: $(STAMP)-dev ## Check style, imports and templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint templates --lint --quiet

types: $(STAMP)-dev ## Check types
	$(BIN)/mypy

fmt: $(STAMP)-dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

audit: $(STAMP)-dev ## Ask the advisory database about the dependencies, where it can be reached
	$(BIN)/python .ci/audit

bench: $(STAMP)-dev ## Measure what the documents claim
	$(BIN)/python -m bench.sdk_events
	$(BIN)/python -m bench.markdown
	$(BIN)/python -m bench.load
	$(BIN)/python -m bench.peer

ci: lint types audit test ## Everything that must pass before a change lands

clean: ## Remove what the other targets made, but not the data
	rm -rf .venv .venv-peer .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Rill needs Python 3.11 or newer; set PYTHON=python3.x to choose one."; exit 1; }
	$(PYTHON) -m venv .venv

$(STAMP)-run: requirements.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(STAMP)-dev: requirements.txt requirements-dev.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(STAMP)-run
