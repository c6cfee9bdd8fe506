# make demo   run the example, then leave the Dagster UI running   (ARGS=--no-ui: without the UI)
# make test   format check, lint, types, import layers and the whole test suite
# make lint   all of that but the test suite
# make audit  what is known to be vulnerable among the installed packages
# make bench  the benchmarks
# make soak   break everything that a sync needs, again and again, for ten minutes   (ARGS="--minutes 60 --seed 7")
# make clean  remove the environment and caches; what is under .observe stays
#
# Each installs what it needs into .venv first: with uv where there is one, else with venv and pip.
# PYTHON=/path/to/python chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
ARGS ?=
JOBS ?= 2

.PHONY: demo test lint audit bench soak clean
.DEFAULT_GOAL := test

demo: $(VENV)/.installed-embedded
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/observe demo $(ARGS)

# Every step runs, whatever the others said; pytest comes last, so that its closing line does too.
test: $(VENV)/.installed-dev
	@failed=""; $(static_checks) \
	if [ -n "$$failed" ]; then printf '\n== failed so far:%s\n' "$$failed"; fi; \
	printf '\n== pytest\n'; \
	env -u DAGSTER_HOME PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n $(JOBS) $(ARGS) && [ -z "$$failed" ]

lint: $(VENV)/.installed-dev
	@failed=""; $(static_checks) \
	if [ -n "$$failed" ]; then printf '\n== failed:%s\n' "$$failed"; exit 1; fi

# Every script runs, whatever became of the others.
bench: $(VENV)/.installed-bench
	@failed=""; for script in benchmarks/*.py; do \
	  printf '\n== %s\n' "$$script"; \
	  PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python "$$script" $(ARGS) || failed="$$failed $$script"; \
	done; \
	if [ -n "$$failed" ]; then printf '\n== failed:%s\n' "$$failed"; exit 1; fi

# A finding fails; an advisory service that does not answer is told, and fails nothing.
audit: $(VENV)/.installed-dev
	@printf '\n== pip-audit\n'; $(BIN)/python .ci/audit.py

soak: $(VENV)/.installed-dev
	@env -u DAGSTER_HOME PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.e2e.faults.soak $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find observe_dagster tests -name __pycache__ -type d -prune -exec rm -rf {} +

define static_checks
printf '\n== ruff format --check\n'; $(BIN)/ruff format --check . || failed="$$failed ruff-format"; \
printf '\n== ruff check\n'; $(BIN)/ruff check . || failed="$$failed ruff-check"; \
printf '\n== basedpyright\n'; $(BIN)/basedpyright --pythonpath $(BIN)/python || failed="$$failed basedpyright"; \
printf '\n== lint-imports\n'; PYTHONPATH=. $(BIN)/lint-imports || failed="$$failed lint-imports";
endef

# A name on the PATH is no proof that it runs (version managers put shims there), so each candidate is tried.
$(VENV)/.made: Makefile
	@set -e; python=""; \
	for candidate in "$(PYTHON)" python3 python3.13 python3.12 python3.11 python; do \
	  if [ -n "$$candidate" ] && "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	  then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "This project needs Python 3.11, 3.12 or 3.13, and none was found. Install one, or name it: make PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	rm -rf $(VENV); \
	echo "Creating $(VENV) with $$("$$python" -c 'import sys; print(sys.executable, sys.version.split()[0])') ..."; \
	if command -v uv >/dev/null 2>&1; then uv venv --quiet --python "$$python" $(VENV); \
	elif "$$python" -c 'import ensurepip' 2>/dev/null; then "$$python" -m venv $(VENV); \
	else echo "$$python has neither uv nor venv beside it: install uv, or your system's package for venv (python3-venv)." >&2; exit 1; \
	fi
	@touch $@

$(VENV)/.installed-%: $(VENV)/.made pyproject.toml
	@set -e; echo "Installing the project with its extra '$*' ..."; \
	if command -v uv >/dev/null 2>&1; then uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable '.[$*]'; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'; \
	fi
	@touch $@
