# `make` lists the targets. The environment is made once, in .venv, and again when its inputs change.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.DEFAULT_GOAL := help
.PHONY: help setup lock demo test check-long lint types bench ui-check docs

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: $(READY) ## make the environment in .venv (demo and test do it by themselves)

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Textmill needs Python 3.11 to 3.13: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -c constraints.txt -e '.[dev,dask,s3,chinese,tune,wandb,onnx]'
	@touch $@

lock: $(READY) ## write what is installed into constraints.txt
	@sed -n '/^#/p' constraints.txt > .venv/lock
	@$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' >> .venv/lock
	@! grep ' @ ' .venv/lock || { echo "installed from a file or an address: install it from the registry first"; exit 1; }
	@mv .venv/lock constraints.txt

demo: $(READY) ## from this Python's documentation to an evaluated model, offline, in some minutes
	@$(BIN)/textmill demo

test: lint types ## lint, types and all tests but the long ones
	$(BIN)/python -m pytest -n 2 -m "not long"

check-long: $(READY) ## the long tests: kills, whole pipelines, every benchmark on a tiny input
	$(BIN)/python -m pytest -n 2 -m long

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

docs: $(READY) ## write the generated parts of docs/
	@$(BIN)/python -m tests.docs.generate

bench: $(READY) ## every benchmark, against its peers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --no-binary rouge-score,seqeval \
		-c constraints.txt -e '.[peers]'
	@for file in $$(grep -l __main__ benchmarks/*.py); do name=$$(basename $$file .py); \
		$(BIN)/python -m benchmarks.$$name $(if $(QUICK),--quick) || exit 1; done

ui-check: $(READY) ## drive the Prefect UI in headless Chromium; pictures in build/ui
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: -c constraints.txt -e '.[ui]'
	$(BIN)/python -m tests.ui.check
