# Every target does its own set-up in .venv; a second call finds it done. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PY := .venv/bin/python
TEST_EXTRAS := llm,control,tools,nethack,mujoco,vision,judge,benchmark,dev
LIBRARY := envs rewards agents
# Several test processes beside each other: one thread for the mathematics of each.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false

.PHONY: help quickstart test lint fix vllm clean setup

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart:  ## Train a small language-model policy with a dense reward and show what it learned
	@.ci/setup llm
	@$(PY) scripts/quickstart.py

test: setup  ## Run every test and every example in the documentation
	@$(ONE_THREAD) $(PY) -m pytest -q -n logical --maxprocesses 8 --dist worksteal

lint: setup  ## Check style, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@.ci/check_types $(LIBRARY)

fix: setup  ## Repair what the style checker can repair, and format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

vllm:  ## Make .venv-vllm, in which a vLLM server runs on the CPU; its tests run where it is there
	@.ci/setup_vllm

clean:  ## Remove what the other targets made (not runs/)
	@rm -rf .venv .venv-vllm build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find $(LIBRARY) scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@.ci/setup $(TEST_EXTRAS)
