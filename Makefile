# Everything a developer runs, from a fresh clone with python3 (3.11 or later), venv and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The interpreter that the virtual environment is made from: make setup PYTHON=python3.13
PYTHON ?= python3
# Parallel test workers: make test-fast WORKERS=8
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

# Leaves versions that are locked as they are, and adds what is new: make lock UPGRADE=
UPGRADE ?= --upgrade

# make soak LIVES=100000 SEED=7, and one world of it again: make soak SEED=7 WORLD=42
LIVES ?= 100000

# make kills KILLS=50 SEED=7
KILLS ?= 200

COVERAGE_MIN := 95
# Which part of the longest tables, and which seeds, make test takes: another each time. With
# make test LIVES_SLICE= the tables are gone through whole.
LIVES_SLICE ?= $(shell date +%s)
LIVES_SLICE := $(LIVES_SLICE)

# How many sweeps make leaks goes through.
SWEEPS ?= 10000
# How long make fuzz goes on.
MINUTES ?= 10

# make replicas USERS=40
USERS ?= 200

.PHONY: help setup demo test test-fast kills leaks fuzz faults replicas soak teeth bench scale twins worlds lint format lock clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) \
		| sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

setup: $(STAMP) ## Make the virtual environment

# Only what is locked by hash gets in; the package itself is then added without asking any index.
$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "rotator needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

demo: $(STAMP) ## Rotate keys in a local AWS, on this machine only
	$(BIN)/rotator demo

test: lint ## Lint, test, and measure branch coverage: what CI runs
	$(BIN)/pytest -n $(WORKERS) -m "not lives" --cov --cov-report=term-missing:skip-covered \
		--cov-fail-under=$(COVERAGE_MIN)
	@echo "LIVES_SLICE=$(LIVES_SLICE)"
	LIVES_SLICE=$(LIVES_SLICE) $(BIN)/pytest -n $(WORKERS) -m lives

# Three fuzzers share the time; the loader of configurations makes some hundreds each time.
fuzz: $(STAMP) ## Fuzz for MINUTES=10, from SEED=1 on where one is given
	FUZZ_SECONDS=$$(( $(MINUTES) * 20 )) $(if $(SEED),FUZZ_SEED=$(SEED)) \
		$(BIN)/pytest -q tests/fuzz tests/config/test_fuzz.py --show-capture=no --timeout=0

leaks: $(STAMP) ## Sweep 10,000 times and measure what grows: make leaks SWEEPS=100000
	LEAK_SWEEPS=$(SWEEPS) $(BIN)/pytest -q tests/endurance --show-capture=no

test-fast: $(STAMP) ## Run the tests that are not marked slow
	$(BIN)/pytest -n $(WORKERS) -m "not slow"

kills: $(STAMP) ## Kill the real daemon 200 times, at every effect, and freeze it (10 minutes)
	$(BIN)/python -m tests.life.kills --kills $(KILLS) $(if $(SEED),--seed $(SEED)) \
		--abreast $(WORKERS)
	$(BIN)/pytest -n $(WORKERS) tests/life/test_frozen.py

# Some of it only: make faults FAULTS='--kind singles --way "a first key"'
faults: $(STAMP) ## Live every life with one fault or two, and with two holders (see docs/safety.md)
	$(BIN)/python -m tests.faults --workers $(WORKERS) $(FAULTS)

replicas: $(STAMP) ## Share 200 users over four replicas that die, freeze and lose the database
	REPLICAS_USERS=$(USERS) POSTGRES_LIVES=20 $(BIN)/pytest -s tests/life/test_replicas.py \
		tests/life/test_two_configurations.py tests/life/test_databases_in_trouble.py \
		tests/faults/test_over_postgres.py

soak: $(STAMP) ## Live through 100,000 whole lives with two replicas and all that can happen (30 minutes)
	$(BIN)/python -m tests.soak --lives $(LIVES) $(if $(SEED),--seed $(SEED)) \
		$(if $(WORLD),--world $(WORLD)) --abreast $(WORKERS)

TEETH := $(VENV)/teeth
TEETH_STAMP := $(TEETH)/.ready

# What mutates has an environment of its own, which finds the tests' packages in the other one.
$(TEETH_STAMP): $(STAMP) requirements/teeth.txt
	$(PYTHON) -m venv $(TEETH)
	$(TEETH)/bin/python -m pip -qq --disable-pip-version-check install --require-hashes \
		-r requirements/teeth.txt
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$($(TEETH)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dev.pth"
	touch $@

teeth: $(TEETH_STAMP) ## Break the product on purpose: what would lose a key has to be noticed
	$(BIN)/pytest -q -s -n 0 tests/judgement/test_teeth.py
	$(BIN)/python -m tests.teeth.breaking --abreast $(WORKERS)
	$(TEETH)/bin/python -m tests.teeth.mutation --abreast $(WORKERS)

BENCH := $(VENV)/bench
BENCH_STAMP := $(BENCH)/.ready

# We as we are installed, and what we are measured beside, each in an environment of its own.
$(BENCH_STAMP): $(STAMP) requirements/bench.txt requirements/rotator.txt
	$(PYTHON) -m venv $(BENCH)/rotator
	$(BENCH)/rotator/bin/python -m pip -qq --disable-pip-version-check install --require-hashes \
		-r requirements/rotator.txt -r requirements/build.txt
	$(PYTHON) -m venv $(BENCH)/custodian
	$(BENCH)/custodian/bin/python -m pip -qq --disable-pip-version-check install --require-hashes \
		-r requirements/bench.txt
	touch $@

bench: $(BENCH_STAMP) ## Measure a sweep beside other tools; writes docs/performance.md (20 minutes)
	$(BENCH)/rotator/bin/python -m pip -qq --disable-pip-version-check install --no-deps \
		--no-build-isolation --force-reinstall .
	$(BIN)/python -m tests.bench --rotator $(BENCH)/rotator/bin/rotator \
		--custodian $(BENCH)/custodian --write docs/performance.md

scale: $(STAMP) ## Measure a day of 5,000 users, and reckon with 200 such accounts (5 minutes)
	$(BIN)/python -m tests.survey.scale --write docs/scale.md

ACCOUNTS ?= 400
twins: $(STAMP) ## Live through accounts twice, surveyed by report and listed live (20 minutes)
	$(BIN)/python -m tests.survey.twins --accounts $(ACCOUNTS) $(if $(SEED),--seed $(SEED))

# make worlds WORLDS=3/64 takes the part that make test named
WORLDS ?= 0/1
worlds: $(STAMP) ## Ask the judgement in each of 80 million small worlds
	$(BIN)/python -m tests.judgement.every_world --slice $(WORLDS) --abreast $(WORKERS)

lint: $(STAMP) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Format the code and apply the safe fixes
	$(BIN)/ruff check --fix-only --exit-zero .
	$(BIN)/ruff format .

LOCK = "$$tools/bin/uv" pip compile --quiet --universal --generate-hashes $(UPGRADE) \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# The locker lives in a directory of its own, so that it is never part of what it locks. The tests
# are locked to the versions that run in production, not the other way round.
lock: ## Lock the requirements again, at their newest versions
	@tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; \
	"$$tools/bin/python" -m pip -qq --disable-pip-version-check install uv; \
	$(LOCK) pyproject.toml --extra postgres --output-file requirements/rotator.txt; \
	$(LOCK) --group build --output-file requirements/build.txt; \
	$(LOCK) pyproject.toml --extra postgres --extra demo --group dev \
		--constraint requirements/rotator.txt --constraint requirements/build.txt \
		--output-file requirements/dev.txt; \
	$(LOCK) --group teeth --constraint requirements/dev.txt --output-file requirements/teeth.txt; \
	$(LOCK) --group bench --output-file requirements/bench.txt

clean: ## Remove everything that make and the tools have made
	rm -rf $(VENV) build dist htmlcov mutants *.egg-info
	rm -rf .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find rotator tests -type d -name __pycache__ -prune -exec rm -rf {} +
