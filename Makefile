# Two commands do all: `make demo` and `make test`. Both install what they need first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := $(VENV)/.packages
BUNDLE := dist/pc-switcher
SOURCES := $(shell find src -name '*.py' -o -name '*.toml')
# The lab makes namespaces, loop devices and btrfs filesystems: only root can.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=CI,PC_SWITCHER_EXAMPLES,PC_SWITCHER_FAULT_POINTS,PC_SWITCHER_LAB_ID,PC_SWITCHER_LAB_MIRROR,PC_SWITCHER_TEST_PC1_HOST,PC_SWITCHER_TEST_PC2_HOST,PC_SWITCHER_TEST_USER)

# Two files of tests at a time, each with a lab of its own, the long ones first; real machines take one after the other.
BESIDE := $(if $(PC_SWITCHER_TEST_PC1_HOST),,--numprocesses 2 --dist loadfile --no-loadscope-reorder)

WHY_ROOT := $(if $(AS_ROOT),echo "sudo: the lab makes namespaces and loop devices and btrfs filesystems",:)

.PHONY: help demo test lint unit lab-test bench bundle ready clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(PACKAGES): lab/packages.txt tools/packages.txt tools/install-packages | $(VENV)
	tools/install-packages lab/packages.txt tools/packages.txt
	@touch $@

$(VENV):
	$(PYTHON) tools/make-environment $(VENV)

$(READY): pyproject.toml lab/pyproject.toml $(PACKAGES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --editable lab --group dev
	@touch $@

ready: $(READY) ## Install system packages and the virtual environment

$(BUNDLE): $(READY) $(SOURCES)
	$(BIN)/python -m pcswitcher.machine.bundle $@

bundle: $(BUNDLE) ## Build the program as one file: dist/pc-switcher

demo: $(BUNDLE) ## Two PCs, a home full of awkward files, a sync there and back, and the proof
	@$(WHY_ROOT)
	$(AS_ROOT) $(BIN)/python -m pclab.demo

lint: $(READY) ## Format, rules, types, layers, spelling, shell
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/codespell
	shellcheck tools/install-packages .ci/run

unit: $(READY) ## Tests that are safe anywhere, need no other machine and take seconds
	$(BIN)/pytest tests/unit -m "not slow and not root"

lab-test: $(BUNDLE) ## Tests on two real PCs in the lab (or on two of yours: docs/lab.md)
	@$(WHY_ROOT)
	$(AS_ROOT) $(BIN)/pytest tests/unit -m "slow or root" $(BESIDE)
	$(AS_ROOT) $(BIN)/pytest tests/faults tests/lab tests/contract --bundle $(BUNDLE) $(BESIDE)

test: lint unit lab-test ## Everything that must hold

bench: $(BUNDLE) ## Our sync against rsync, side by side
	$(AS_ROOT) $(BIN)/python -m tests.bench

clean: ## Remove what was built here (the lab: $(BIN)/lab down)
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
