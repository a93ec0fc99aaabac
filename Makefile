# The single front door. `make` alone lists what there is.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
# Every other interpreter that this supports and this machine has, for test-pythons
PYTHONS ?= $(wildcard $(foreach minor,11 12 13,$(HOME)/.pyenv/versions/3.$(minor).*/bin/python3 \
  /usr/bin/python3.$(minor) /usr/local/bin/python3.$(minor)))
# Tiers that must not reach a network run without one where the kernel lets us; tests/conftest.py
# guards them everywhere else.
OFFLINE := $(shell unshare --map-root-user --net true 2>/dev/null && echo 'unshare --map-root-user --net')
LOOPBACK := $(if $(OFFLINE),$(shell $(OFFLINE) sh -c 'ip link set lo up' 2>/dev/null && echo '$(OFFLINE) tools/loopback-only'))
PYTEST := $(PY) -m pytest -q
WORKERS ?= 2
# engine tests spend a third of their time waiting for processes and states
ENGINE_WORKERS ?= 3

# a shell that forbids it would have every process compile this code again
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup engine demo shell stop test test-long test-pythons lint types check bench lock clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: $(READY) ## Virtual environment with the locked packages

$(READY): requirements-uv.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "python3 3.11 or newer is needed, this is $$($(PYTHON) --version); try make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "this python3 lacks venv; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "setting up $(VENV) (half a minute the first time)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m uv --version >/dev/null 2>&1 || $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(PY) -m uv pip sync --quiet --python $(PY) --require-hashes requirements-dev.lock
	@$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@

engine: $(READY) ## The pulumi CLI: found, or built once per machine
	@$(PY) -m sandbox.engine

demo: engine ## The whole story once, on this machine
	@$(PY) -m sandbox demo

shell: engine ## A shell in which pulumi and flexpay-onboard work on the sandbox
	@$(PY) -m sandbox shell

stop: $(READY) ## End the sandbox's background processes, keep its state
	@$(PY) -m sandbox stop

lint: $(READY) ## ruff, code and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: $(READY) ## mypy, strict
	@$(PY) -m mypy

test: engine ## Every tier, within minutes
	$(OFFLINE) $(PYTEST) -n $(WORKERS) -m 'not long' tests/unit tests/program
	$(LOOPBACK) $(PYTEST) -n $(WORKERS) -m 'not long' tests/loopback
	$(PYTEST) -n $(ENGINE_WORKERS) --dist loadgroup -m 'not long' tests/engine tests/netlab

test-long: engine ## The full counts: more sequences, kills and canary runs
	$(OFFLINE) $(PYTEST) -n $(WORKERS) tests/unit tests/program
	$(LOOPBACK) $(PYTEST) -n $(WORKERS) tests/loopback
	$(PYTEST) -n $(ENGINE_WORKERS) --dist loadgroup tests/engine tests/netlab

test-pythons: $(READY) ## The tiers in memory, with each other python3 that this machine has
	@tried=" $$($(PY) -c 'import sys; print("%d.%d" % sys.version_info[:2])') "; \
	for python in $(PYTHONS); do \
	  version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])') || continue; \
	  case "$$tried" in *" $$version "*) continue;; esac; tried="$$tried$$version "; \
	  echo "python $$version: $$python"; \
	  $(MAKE) --no-print-directory VENV=.venv-$$version PYTHON=$$python setup || exit 1; \
	  $(OFFLINE) .venv-$$version/bin/python -m pytest -q -n $(WORKERS) -m 'not long' tests/unit tests/program || exit 1; \
	done; echo "tried with:$$tried"

check: lint types test ## Lint, types and every tier: what CI runs

bench: engine ## What is claimed about speed, measured side by side; writes docs/performance.md
	@$(PY) -m benchmarks

lock: $(READY) ## Pin requirements*.in again, with hashes and without index addresses
	@for set in uv:requirements-uv runtime:requirements dev:requirements-dev; do \
	  name=$${set#*:}; \
	  $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header $$name.in -o $$name.lock || exit 1; \
	done

clean: ## Remove what make made here; the built pulumi CLI stays in the user's cache
	@test ! -e $(READY) || $(PY) -m sandbox stop --purge
	rm -rf .venv .venv-* .sandbox .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
