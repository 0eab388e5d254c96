# Everything sets itself up: a virtual environment in .venv, made once and again when pyproject.toml
# changes. From the second run on nothing is downloaded.

# The newest that runs: a version manager's shim may be there without its Python.
PYTHON ?= $(firstword $(foreach v,3.13 3.12 3.11,$(shell python$(v) -c '' 2>/dev/null && echo python$(v))) python3)
VENV := .venv
BIN := $(VENV)/bin
BROKER_CONFIG ?= config/broker.toml
BROKER_DATA_DIR ?= data
TESTS ?=
JAVASCRIPT := tests/wire/javascript

export BROKER_CONFIG BROKER_DATA_DIR

.PHONY: help run test test-service nightly check lint format map bench clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

run: $(VENV)/run.stamp ## start the broker (BROKER_CONFIG, BROKER_DATA_DIR, BROKER_LISTEN)
	@exec $(BIN)/broker start

test: $(VENV)/dev.stamp javascript-sdk ## all tests (TESTS=path to choose)
	env -u BROKER_CONFIG -u BROKER_DATA_DIR -u BROKER_LISTEN $(BIN)/python -m pytest $(TESTS)

lint: $(VENV)/dev.stamp ## format, lint, types, import contracts
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

nightly: $(VENV)/dev.stamp ## a million pairs of pattern and event, a hundred thousand invocations
	NIGHTLY=1 $(BIN)/python -m pytest --timeout 1200 tests/core/pattern/test_net.py tests/plugins/test_runtime_mode.py

test-service: $(VENV)/dev.stamp ## the service and its functions under systemd, in an emulated machine (as root; mmdebstrap, QEMU)
	$(BIN)/python -m tests.service.machine $(TESTS)

check: lint test ## what CI runs

format: $(VENV)/dev.stamp ## put the code in shape
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

map: $(VENV)/dev.stamp ## draw the map of modules anew, and the tables of what there is of each service
	$(BIN)/python -m tests.module_map
	$(BIN)/python -m tests.compatibility_sqs
	$(BIN)/python -m tests.compatibility_sns
	$(BIN)/python -m tests.compatibility_events
	$(BIN)/python -m tests.compatibility_scheduler
	$(BIN)/python -m tests.compatibility_pipes
	$(BIN)/python -m tests.compatibility_lambda

bench: $(VENV)/dev.stamp ## measure this machine: a table, and JSON in bench/results
	env -u BROKER_CONFIG -u BROKER_DATA_DIR -u BROKER_LISTEN $(BIN)/python -m bench

clean: ## remove what was made; data stays
	rm -rf $(VENV) $(JAVASCRIPT)/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/run.stamp

# The tests that need the AWS SDK for JavaScript say that they skip where there is no Node.js.
$(JAVASCRIPT)/node_modules/.stamp: $(JAVASCRIPT)/package-lock.json
	@if command -v npm >/dev/null; then \
	    cd $(JAVASCRIPT) && npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.stamp; \
	else echo "npm is not installed: the JavaScript tests will be skipped"; fi

.PHONY: javascript-sdk
javascript-sdk: $(JAVASCRIPT)/node_modules/.stamp
