# Everything that a person does here. `make` alone lists it.
# Each target installs what it needs itself; a second call finds it in place.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(PYTHON) bot/demo/environments.py
COMPILE := $(BIN)/uv pip compile -q --generate-hashes --no-header --no-emit-index-url --python-version 3.11 $(if $(UPGRADE),--upgrade)
PACKAGES := prometheus prometheus-alertmanager postgresql chromium wrk
# A scikit-learn model is loaded by the version that wrote it.
SAME := joblib|numpy|scikit-learn|scipy|skops|threadpoolctl

.DEFAULT_GOAL := help
.PHONY: help demo test test-kube check fix docs bench setup lock clean python vendors orchestrators packages emulate formatted linted typed layered documented

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1|/' | column -t -s '|' 2>/dev/null \
	  || grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST)

demo: setup vendors  ## play the story on this machine: http://127.0.0.1:8080
	$(BIN)/mlops-bot demo $(ARGS)

test: setup vendors orchestrators packages emulate  ## the whole suite
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

# What uses a Kubernetes API, against a real kube-apiserver, too: KUBE_APISERVER_TOOL is explained in CONTRIBUTING.md.
test-kube: setup
	@[ -f "$(KUBE_APISERVER_TOOL)/up.sh" ] || { \
	  echo "KUBE_APISERVER_TOOL names no folder with up.sh: see CONTRIBUTING.md. Nothing was tested." >&2; exit 1; }
	KUBE_APISERVER_TOOL="$(abspath $(KUBE_APISERVER_TOOL))" $(BIN)/python -m pytest \
	  tests/integrations/test_kubernetes.py tests/integrations/test_kserve*.py $(ARGS)

check: formatted linted typed layered documented  ## format, lint, types, import contracts, docs: under a minute

formatted: setup
	$(BIN)/ruff format --check .
linted: setup
	$(BIN)/ruff check .
typed: setup
	$(BIN)/mypy
layered: setup
	$(BIN)/lint-imports
documented: setup
	$(BIN)/python -m pytest -q tests/test_docs.py

fix: setup  ## format and repair what can be repaired
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup  ## renew what the documentation says by the code itself
	@$(BIN)/python -m tests.docs

bench: setup vendors packages  ## benchmarks; table and JSON in bench/results/
	$(BIN)/python -m bench $(ARGS)

setup: python  ## .venv only
	@$(INSTALL) bot

vendors: setup
	@$(INSTALL) mlflow bentoml

# Real servers that only the tests start; the demo needs none of them.
orchestrators: setup
	@$(INSTALL) airflow dagster localstack

lock: setup  ## renew requirements/*.lock (UPGRADE=1: to the newest versions)
	mkdir -p build
	$(COMPILE) requirements/install.in -o requirements/install.lock
	$(COMPILE) pyproject.toml -o requirements/base.lock
	$(COMPILE) pyproject.toml --extra charts -c requirements/base.lock -o requirements/charts.lock
	$(COMPILE) pyproject.toml --extra charts --group dev -c requirements/charts.lock -o requirements/dev.lock
	$(COMPILE) requirements/mlflow.in -o requirements/mlflow.lock
	grep -Eo '^($(SAME))==[^ ]+' requirements/mlflow.lock > build/same-as-mlflow.txt
	$(COMPILE) requirements/bentoml.in -c build/same-as-mlflow.txt -o requirements/bentoml.lock
	$(COMPILE) requirements/airflow.in -o requirements/airflow.lock
	$(COMPILE) requirements/dagster.in -o requirements/dagster.lock
	$(COMPILE) requirements/localstack.in -o requirements/localstack.lock
	@! grep -nE '://|--(extra-)?index|--find-links' requirements/*.lock

clean:  ## remove what was made here, environments too
	rm -rf .venv .venvs tests/sandbox/emulate/node_modules .demo build dist artefacts *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "This needs Python 3.11 or newer; \`$(PYTHON)\` is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Nothing was installed. Name a newer one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "\`$(PYTHON)\` has no venv module (Debian: apt-get install python3-venv). Nothing was installed." >&2; exit 1; }

# Debian, as root: the programs that some tests run for real. Elsewhere those tests are skipped, and listed at the end.
packages:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	  if [ -n "$$missing" ]; then sh tests/debian-packages.sh $$missing; fi; fi

# What the sandbox is compared with, where npm is. Elsewhere those tests are skipped, and listed at the end.
emulate:
	@sh tests/sandbox/emulate/install.sh
