# A fresh machine needs python3 (3.11 to 3.13), make and git. `make` alone lists what there is.
# Paths stay relative: make cannot name a file with a space in its path, and the path of this folder may have one.

EDGE_OPT_VENV ?= .venv
BIN   := $(EDGE_OPT_VENV)/bin
READY := $(EDGE_OPT_VENV)/.complete

# nothing of the caller's environment may be seen from this one
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

COMPILE = "$(BIN)/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help demo test test-devices lint gate bench docs lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## optimise the embedded model on the embedded data: runs/demo/
	@"$(BIN)/python" -m edge_opt demo

# two files of tests at a time, in their order: the long ones stand before the many short ones of tests/unit
test: $(READY) ## run every test, the slow ones too
	@"$(BIN)/python" -m pytest -m "" -n 2 --dist loadfile --no-loadscope-reorder

test-devices: $(READY) ## run the tests on real things: boards behind sshd, emulators, a browser
	@"$(BIN)/python" -m tests.device.debian || echo "the tests on emulated boards will skip, with their reason" >&2
	@EDGE_OPT_AT_LENGTH=1 "$(BIN)/python" -m pytest -m device

lint: $(READY) ## check style, layout and types
	@"$(BIN)/python" -m ruff check .
	@"$(BIN)/python" -m ruff format --check .
	@"$(BIN)/python" -m mypy

gate: $(READY) ## is edge-opt itself slower than the commit in benchmarks/speed/baseline?
	@"$(BIN)/python" benchmarks/speed/gate.py

bench: $(READY) ## measure again what benchmarks/README.md claims
	@set -e; for script in benchmarks/*.py; do echo "== $$script" >&2; "$(BIN)/python" "$$script"; done

docs: $(READY) ## write the generated pages of docs/ again
	@set -e; for script in docs/make_*.py; do "$(BIN)/python" "$$script"; done

lock: $(READY) ## resolve the dependencies again; UPGRADE=1 takes newer versions
	$(COMPILE) -o requirements/bootstrap.txt requirements/bootstrap.in
	$(COMPILE) -o requirements/all.txt -c requirements/bootstrap.txt --extra dev pyproject.toml

clean: ## remove the environment, the caches and what was built; runs/ stays
	rm -rf "$(EDGE_OPT_VENV)" build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/bootstrap.txt requirements/all.txt requirements/install.sh pyproject.toml
	@sh requirements/install.sh "$(EDGE_OPT_VENV)" "$(PYTHON)"
