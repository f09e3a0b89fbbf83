# SPDX-License-Identifier: Apache-2.0
# The interface of the project. Every target sets up what it needs, once.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Looked for by name and tried, since a name on PATH need not answer (version managers leave such stubs).
PYTHON := $(shell for p in python3.11 python3.12 python3; do \
  $$p -c 'import sys; raise SystemExit(not (3,11) <= sys.version_info[:2] <= (3,12))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv/bin
PYTEST := $(VENV)/python -m pytest -p no:ape_test -q
STUDY ?= masses
HOSPITALS ?=
ROUNDS ?=
DATA ?=
STORAGE ?= local
LIAR ?=
TORCH ?= cpu
CALLS ?= 1000000

.PHONY: help setup demo app test test-units test-contracts test-circuits test-system invariants lint bench bench-pneumonia gas fuzz adversaries generate ceremony clean
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: ## environment, tools, circuits and development keys; does nothing when all is there
	@test -n "$(PYTHON)" || { echo "Consilium needs Python 3.11 or 3.12 (python3.11 or python3.12 on PATH)."; exit 2; }
	@$(PYTHON) scripts/setup.py --torch $(TORCH)

demo: setup ## a study from end to end on real records (STUDY=masses|pneumonia|pneumonia-head DATA=FILE HOSPITALS=3 ROUNDS=3 STORAGE=local|ipfs LIAR=dealing|ciphertext|share|withhold|hostage|absent|ckks-ciphertext|ckks-share)
	@$(VENV)/python scripts/demo.py --study $(STUDY) --storage $(STORAGE) $(if $(DATA),--data $(DATA)) \
	  $(if $(HOSPITALS),--hospitals $(HOSPITALS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(LIAR),--liar $(LIAR))

app: setup ## the audit page in a browser: of the network that CONSILIUM_RPC and CONSILIUM_DEPLOYMENT name, else of the latest demo
	@bin/consilium app

# Two at a time: most tests wait, for blocks or for a process, and use one core where they do not.
test: setup ## every test, two of the four parts at a time: the one test command
	@$(MAKE) --no-print-directory -j2 test-system test-contracts test-units test-circuits

test-units: setup ## the node's parts, each alone
	@$(PYTEST) tests/unit

test-contracts: setup ## the suite on a local chain, under ape; random calls, under forge
	@$(VENV)/ape test
	@$(VENV)/python scripts/invariants.py

test-circuits: setup ## statements, provers, keys
	@$(PYTEST) tests/circuits

# One run for both folders: they look at the same finished demo.
test-system: setup ## parts together, a real IPFS daemon, a whole study, and its page in a real browser
	@$(PYTEST) tests/integration tests/pages

# One to two hours on two cores; `scripts/invariants.py` alone plays what CI does.
invariants: setup ## a million random calls, what must hold checked after each (CALLS=1000000)
	@$(VENV)/python scripts/invariants.py --calls $(CALLS)

lint: setup ## ruff, mypy, import directions, solhint, slither, what tests name, generated files
	@$(VENV)/ruff check . && $(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports
	@node_modules/.bin/solhint 'contracts/**/*.sol'
	@$(VENV)/python scripts/static_analysis.py
	@$(VENV)/python scripts/named_in_tests.py
	@$(VENV)/python scripts/generate.py --check

bench: setup ## figures of stages, encryption, neighbouring models and, where the file is there, chest X-rays (half an hour), as JSON in out/bench/ (DATA=FILE)
	@$(VENV)/python scripts/bench.py
	@$(VENV)/python scripts/bench_threshold.py
	@$(VENV)/python scripts/bench_differencing.py
	@$(VENV)/python scripts/bench_pneumonia.py $(if $(DATA),--data $(DATA),--optional)

bench-pneumonia: setup ## chest X-rays alone: accuracy, attacks, privacy, as JSON and plots in out/bench/ (DATA=FILE)
	@$(VENV)/python scripts/bench_pneumonia.py $(if $(DATA),--data $(DATA))

gas: setup ## what every call of the contracts costs, to contracts/gas.json and README.md
	@$(VENV)/python scripts/gas.py

FUZZ_SECONDS ?= 1800
fuzz: setup ## hostile bytes for every reader of the encryption, longer than the tests do (FUZZ_SECONDS=1800)
	@$(VENV)/python scripts/fuzz.py --seconds $(FUZZ_SECONDS)

ADVERSARY_SECONDS ?= 600
adversaries: setup ## ceremonies and rounds among random liars, longer than the tests play (ADVERSARY_SECONDS=600)
	@$(VENV)/python scripts/adversaries.py --seconds $(ADVERSARY_SECONDS)

generate: setup ## rewrite generated files (ABIs, verifiers, vectors)
	@$(VENV)/python scripts/generate.py

# Phase 1 comes from a public file; the hospitals contribute, each on its own machine, to what this writes.
ceremony: setup ## begin a set-up of real proving keys (PTAU=FILE CONTRIBUTORS="A,B" [DIGEST=…])
	@test -n "$(PTAU)" -a -n "$(CONTRIBUTORS)" || { echo 'make ceremony PTAU=FILE CONTRIBUTORS="St. Anna,Charité"'; exit 2; }
	@$(VENV)/python scripts/ceremony.py start --powers "$(PTAU)" --contributors "$(CONTRIBUTORS)" \
	  $(if $(DIGEST),--digest $(DIGEST))

clean: ## remove what runs wrote; environments and keys stay
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis
