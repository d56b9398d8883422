# make run    serve the example from three workers at http://127.0.0.1:8000
# make demo   a cluster from wheels, with keys that kill and drain its nodes; docs/local-fleet.md
# make test   lint, types and all tests, files two at a time (JOBS=1: one by one); what .ci/run does
# make lint   lint and types only
# make bench  events per second, time to start and to fail over, memory, bytes of a first visit, isolation, pub/sub
# make load   users on three nodes behind a balancer for a minute; one node is killed, one drained, nothing may be lost
# make soak   the simulators, crash tests, relays, upgrades and a chat, for long
# make clean  remove everything that these made
#
# Needed: git, make, Python 3.11 or newer with venv. Everything else is installed into .venv.

PYTHON  ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
             command -v $$p >/dev/null 2>&1 && \
             $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV    := .venv
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet
APP     ?= examples/demo/main.py
NAME    ?= demo
HOST    ?= 127.0.0.1
PORT    ?= 8000
WORKERS ?= 3
JOBS    ?= 2
ARGS    ?=

.PHONY: run demo test lint bench load soak clean
.DELETE_ON_ERROR:

run: $(VENV)/run.stamp
	@exec $(BIN)/flet-cluster run $(APP) --app-name $(NAME) --host $(HOST) --port $(PORT) --workers $(WORKERS)

demo: $(VENV)/demo.stamp
	@exec $(BIN)/flet-cluster demo $(ARGS)

test: lint
	@scripts/install-test-parts.sh
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/dev.stamp
	$(BIN)/python -m tests.snapshot.bench_snapshot
	$(BIN)/python -m tests.stores.bench_store
	$(BIN)/python -m tests.bench.start
	$(BIN)/python -m tests.bench.failover
	$(BIN)/python -m tests.bench.herd
	$(BIN)/python -m tests.bench.memory
	$(BIN)/python -m tests.bench.first_load
	$(BIN)/python -m tests.bench.isolation
	$(BIN)/python -m tests.bench.uploads
	$(BIN)/python -m tests.bench.chat
	$(BIN)/python -m tests.bench.events $(ARGS)

load: $(VENV)/dev.stamp
	@scripts/install-test-parts.sh
	$(BIN)/python -m tests.bench.load $(ARGS)

soak: $(VENV)/dev.stamp
	TEST_BIG_FILE=100000000 TEST_EXAMPLES=1500 TEST_STEPS=120 TEST_MEMBERS=200 TEST_ROUNDS=30 TEST_IMAGE=1 $(BIN)/pytest --timeout 7200 \
	  tests/stores/test_simulation.py tests/protocol tests/crash tests/relay tests/versions \
	  tests/cluster/test_chat.py tests/chromium/test_uploading_to_bucket.py tests/infra/test_image.py $(ARGS)

clean:
	rm -rf $(VENV) .cache build dist artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# Installed in place, so that only a change of pyproject.toml needs another installation.
$(VENV)/run.stamp: pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) (once, about a minute)"
	@$(PIP) install --editable '.[embedded]'
	@touch $@

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) (once, about a minute)"
	@$(PIP) install --editable '.[demo]'
	@touch $@ $(VENV)/run.stamp

$(VENV)/dev.stamp: pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) (once, about two minutes)"
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/run.stamp
