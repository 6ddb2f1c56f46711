# Two commands for a newcomer: `make demo` and `make test`. Needs Python 3.11, pip, git and make; no root.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check check-code check-words check-house format lock messages reference bench-planner bench-policy bench-ledger bench-log bench-scale sbom soak peer-accuracy clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.installed-demo  ## the whole road once on this machine, then the console; ARGS=--once ends after the story
	$(BIN)/hesuan demo $(ARGS)

test: $(VENV)/.installed-dev  ## every test this machine can run, and what was left out and why; ARGS go to pytest
	$(BIN)/python -m tools.run_tests $(ARGS)

check: $(VENV)/.installed-dev  ## format, lint, types, import contracts, translations, references, secrets, advisories, house tests
	@$(MAKE) --no-print-directory -j2 -k -Otarget check-code check-words check-house

check-code:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check-words:
	$(BIN)/python -m tools.messages check
	$(BIN)/python -m tools.reference check
	$(BIN)/python -m tools.secret_scan
	$(BIN)/python -m tools.audit_dependencies

check-house:
	$(BIN)/python -m pytest -q tests/house

format: $(VENV)/.installed-dev  ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

messages: $(VENV)/.installed-dev  ## collect the console's texts into the translation catalogues
	$(BIN)/python -m tools.messages update

reference: $(VENV)/.installed-dev  ## write docs/reference from the code
	$(BIN)/python -m tools.reference write

bench-planner: $(VENV)/.installed-dev  ## how fast the planner searches here, beside its bars; ARGS=--strict fails below one
	$(BIN)/python -m tools.bench_planner $(ARGS)

peer-accuracy: $(VENV)/.installed-dev  ## write docs/model/peer.md; ROWS=FILE.csv, HESUAN_CALCULON=FOLDER of a checkout
	$(BIN)/python -m tools.peer_accuracy write $(ROWS)

bench-policy: $(VENV)/.installed-dev  ## decisions of the policy engine a second here, beside its bar; ARGS=--strict fails below it
	$(BIN)/python -m tools.bench_policy $(ARGS)

bench-log: $(VENV)/.installed-dev  ## a log of a million leaves, written and verified here
	$(BIN)/python -m tools.bench_log $(ARGS)

bench-ledger: $(VENV)/.installed-dev  ## events a second on one hot account, beside pgbench's TPC-B; ARGS=--strict fails below 4 times
	$(BIN)/python -m tools.bench_ledger $(ARGS)

bench-scale: $(VENV)/.installed-dev  ## 200 agents and up to 1,000 runs a minute through one hub, and where it falls behind; ARGS="--agents N --rates 30,60 --seconds S"
	$(BIN)/python -m tools.bench_scale $(ARGS)

SOAKED := $(addprefix tests/hub/ledger/test_,kills.py server_kills.py property.py races.py paused.py) tests/hub/settlement/test_ten_thousand.py tests/power \
	$(addprefix tests/hub/programmes/test_last_million_,after_use.py drawn.py) \
	tests/hub/api/test_over_http.py tests/hub/audit/test_sequencing_together.py tests/agent/test_fault_schedules.py \
	tests/contracts/test_agent_under_faults.py tests/journeys/test_kills.py
soak: $(VENV)/.installed-dev  ## kills, races, faults, histories and batches that die for a night, on SQLite; KILLS=N, FAULTS=N, SEED=N, CUTS=N, TRIALS=N, ROUNDS=N, PAUSES=N, SECONDS=N, HISTORIES=N, CRASHES=N, HESUAN_DATABASE_URL=… for PostgreSQL
	HESUAN_KILLS=$(or $(KILLS),1000) HESUAN_CUTS=$(or $(CUTS),1000) HESUAN_HISTORIES=$(or $(HISTORIES),20000) HESUAN_BATCH_CRASHES=$(or $(CRASHES),30) \
	HESUAN_TRIALS=$(or $(TRIALS),1000) HESUAN_HTTP_TRIALS=$(or $(TRIALS),1000) HESUAN_ROUNDS=$(or $(ROUNDS),1000) \
	HESUAN_OUTBOX_S=$(or $(SECONDS),600) HESUAN_PAUSES=$(or $(PAUSES),100) \
	HESUAN_AGENT_KILLS=60 HESUAN_FAULTS=$(or $(FAULTS),5000) HESUAN_FAULTS_SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/python -m pytest -q -s $(SOAKED)

sbom: $(VENV)/.installed-dev  ## what Hesuan is made of (CycloneDX), from the lock files; ARGS="--output FILE"
	@$(BIN)/python -m tools.sbom $(ARGS)

lock: $(VENV)/.installed-dev  ## lock the dependencies anew, with hashes and without any index's address
	PATH=$(CURDIR)/$(BIN):$$PATH sh requirements/lock.sh

clean:  ## remove what the commands above made
	rm -rf $(VENV) var artefacts .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Debian keeps ensurepip in a package of its own, so the environment is made without pip and the system's pip fills it.
$(VENV)/bin/python:
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.installed-%: requirements/%.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked dependencies ($<) into $(VENV) …"
	$(PYTHON) -m pip --python $(VENV)/bin/python install --disable-pip-version-check --require-hashes -r $<
	$(PYTHON) -m pip --python $(VENV)/bin/python install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@
