# Two commands do all set-up on a fresh machine: `make up` runs Lumina Monitor, `make test` tests it.
.DEFAULT_GOAL := help
.PHONY: help up demo test monitor services lint bench soak lock clean

PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime
DEVELOPMENT := .venv/.development
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOAK_S ?= 1200
SOAK_SEED ?= 1
export SOAK_S SOAK_SEED
# What tests are about (tests/subjects.py), and what can be checked without running anything.
SUBJECTS := monitoring alerts alert-triggering remediation channels escalation predictions anomalies trends \
    dashboards dashboard-creation realtime widgets
VALIDATIONS := rules analytics escalation dashboards
.PHONY: $(SUBJECTS:%=test-%) $(VALIDATIONS:%=validate-%)

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@printf '  make test-%s\n' 'SUBJECT, one of: $(SUBJECTS)' | fold -s -w 110
	@printf '  make validate-%s\n' 'KIND, one of: $(VALIDATIONS)'

up: $(RUNTIME) ## Run exporter, ruler and analytics on embedded defaults (Ctrl-C stops them)
	@exec $(BIN)/lumina up $(ARGS)

demo: $(RUNTIME) ## Watch an alert close its loop on a small web shop, in under three minutes
	@exec $(BIN)/lumina demo $(ARGS)

test: $(DEVELOPMENT) ## Run the tests; what needs a service that is not there is skipped, with its reason
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal $(ARGS)

# A subject without a single test fails: pytest ends with 5 then.
$(SUBJECTS:%=test-%): test-%: $(DEVELOPMENT)
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "$(subst -,_,$*) and not soak" $(ARGS)

monitor: $(RUNTIME) ## Run all three for a minute and say how healthy what they watch is; exit code 1 when it is not
	@$(BIN)/lumina up --for 60s --report json $(ARGS)

validate-rules: $(RUNTIME)
	@$(BIN)/lumina rules check ruler/defaults/rules deploy/examples/compliance.yml deploy/prometheus/rules
	@$(BIN)/lumina rules check --config deploy/examples/escalation.yml deploy/examples/escalation.rules.yml

validate-analytics: $(DEVELOPMENT)
	@$(BIN)/lumina models check analytics/defaults/models
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "accuracy and not soak" $(ARGS)

validate-escalation: $(RUNTIME)
	@$(BIN)/lumina escalations check --config deploy/examples/escalation.yml

validate-dashboards: $(RUNTIME)
	@$(BIN)/lumina dashboards lint ruler/defaults/dashboards --rules ruler/defaults/rules
	@$(BIN)/lumina dashboards build ruler/defaults/dashboards --rules ruler/defaults/rules --out grafana/dashboards --check

services: ## Fetch the real peers and services that tests compare with (Debian; as root)
	@sh tools/services.sh

lint: $(DEVELOPMENT) ## Format, lint, types, layers
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 12
	@$(BIN)/yamllint --strict .

bench: $(DEVELOPMENT) ## Measure against the peers, as ratios in one run
	@for program in benchmarks/*.py; do $(BIN)/python $$program || exit 1; done

soak: $(DEVELOPMENT) ## Fuzz, kill and compare for SOAK_S seconds, seeded with SOAK_SEED
	@$(BIN)/python -m pytest -s -m soak --timeout 0 tests/soak $(ARGS)

lock: $(DEVELOPMENT) ## Resolve the dependencies anew
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet --upgrade --extra all --universal --no-emit-index-url --no-header --no-annotate \
	    --generate-hashes --group build pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --all-extras --universal --no-emit-index-url --no-header --no-annotate \
	    --generate-hashes --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## Remove what was built and cached; never the home folder ./monitoring
	@rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist build

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Lumina Monitor needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "this Python cannot make virtual environments; mend it with:  sudo apt-get install -y python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv

$(RUNTIME): requirements.lock pyproject.toml | .venv/bin/python
	@echo "installing the locked dependencies into .venv …"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

$(DEVELOPMENT): requirements-dev.lock $(RUNTIME)
	@echo "installing what the tests need …"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
