# `make demo` runs the main job, `make test` the tests, `make check` the checks; `make help` lists all targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export PYTHON ?= python3
VENV := .venv
OPERATOR := $(VENV)/operator
TRAINER := $(VENV)/trainer

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: env
env: ## Make .venv/operator and .venv/trainer from the hashed lock files
	@dev/env.sh

.PHONY: controlplane
controlplane: ## Build or find kube-apiserver, etcd and kubectl; print their folder
	@dev/env.sh tools
	@$(PYTHON) -m dev.binaries

.PHONY: helm
helm: ## Build or find helm, and what the tests ask of Prometheus; print the path of helm
	@dev/env.sh tools
	@$(PYTHON) -m dev.helm

.PHONY: demo
demo: ## Plays in, a new script out, on this machine (KEEP=1 leaves all of it running)
	@$(PYTHON) -m dev.demo $(if $(KEEP),--keep)

.PHONY: demo-stop
demo-stop: ## End what `make demo KEEP=1` left running
	@$(PYTHON) -m dev.demo --stop

.PHONY: cold-start
cold-start: ## Start a control plane ten times on busy cores and ten times on one core (STARTS=10, LIMIT=3600 s)
	@dev/env.sh tools
	@$(PYTHON) -m dev.coldstart $(if $(STARTS),--starts $(STARTS)) $(if $(LIMIT),--limit $(LIMIT))

.PHONY: plays
plays: env ## Write the 38 plays of the open corpus into plays/ (PLAYS=another folder)
	@$(OPERATOR)/bin/python -m dev.plays $(or $(PLAYS),plays)

.PHONY: images
images: ## Build the images with docker, podman or buildah (BASE=debootstrap needs no registry, VARIANT=gpu)
	@$(PYTHON) -m dev.images $(if $(BASE),--base $(BASE)) $(if $(VARIANT),--variant $(VARIANT))

.PHONY: cluster
cluster: ## Start a one-node Kubernetes on this machine, with the images in it (root, Linux)
	@dev/env.sh tools
	@$(PYTHON) -m dev.cluster

.PHONY: cluster-stop
cluster-stop: ## End what `make cluster` started, pods included
	@$(PYTHON) -m dev.cluster --stop

.PHONY: lock
lock: ## Resolve the lock files anew (the only target that picks versions)
	@dev/lock.sh

.PHONY: format
format: env ## Format the code
	@$(OPERATOR)/bin/ruff format .
	@$(OPERATOR)/bin/ruff check --fix-only .

.PHONY: check
check: env ## Formatting, lint, types, layers and generated files
	$(OPERATOR)/bin/ruff format --check .
	$(OPERATOR)/bin/ruff check .
	$(OPERATOR)/bin/mypy operator/src localpach/src dev
	$(TRAINER)/bin/mypy trainer/src
	PYTHONPATH=trainer/src $(OPERATOR)/bin/lint-imports --no-cache
	$(OPERATOR)/bin/scriptmodel-operator crd --check manifests/crd.yaml
	$(OPERATOR)/bin/scriptmodel-operator crd --check charts/scriptmodel-operator/files/crd.yaml
	$(OPERATOR)/bin/scriptmodel-operator reference --check docs/reference/api.md
	$(OPERATOR)/bin/python -m dev.options --check

.PHONY: manifests
manifests: env ## Write manifests/ from the chart, CRD and API reference from the classes
	@$(OPERATOR)/bin/scriptmodel-operator crd manifests/crd.yaml
	@$(OPERATOR)/bin/scriptmodel-operator crd charts/scriptmodel-operator/files/crd.yaml
	@$(OPERATOR)/bin/scriptmodel-operator reference docs/reference/api.md
	@$(OPERATOR)/bin/python -m dev.options
	@$(OPERATOR)/bin/python -m dev.chart

.PHONY: docs
docs: env ## Build the site into build/site; a link that leads nowhere fails it
	NO_MKDOCS_2_WARNING=1 $(OPERATOR)/bin/mkdocs build --quiet
	@echo "build/site/index.html"

.PHONY: test
test: test-trainer test-operator test-integration test-chart ## All tests; needs no container runtime and no cluster

.PHONY: test-trainer
test-trainer: env ## The trainer's tests, in its environment
	$(TRAINER)/bin/pytest -n 2 tests/unit/trainer

.PHONY: test-operator
test-operator: env ## Unit tests of operator, localpach and dev, and the contract suite
	$(OPERATOR)/bin/pytest -n 2 tests/unit/operator tests/unit/localpach tests/unit/dev tests/contract

.PHONY: contract
contract: env ## The recordings of the real Pachyderm, one after another, against localpach or the server at PACHD_ADDRESS
	$(OPERATOR)/bin/pytest tests/contract

.PHONY: test-integration
test-integration: env ## The operator against a real API server and localpach; the demo's own tests
	$(OPERATOR)/bin/pytest -n 2 --dist loadfile tests/integration tests/e2e

.PHONY: gold
gold: env ## How well plays are read, beside notes made by hand (PLAYS=folder of the real ones)
	$(TRAINER)/bin/python tests/gold/measure.py $(if $(PLAYS),--plays $(PLAYS))

.PHONY: gold-diff
gold-diff: env ## Which lines are read otherwise than by commit BASE=HEAD (TEXTS=folder, LAYOUTS=all)
	$(TRAINER)/bin/python tests/gold/difference.py --base $(or $(BASE),HEAD) $(if $(TEXTS),--texts $(TEXTS)) \
	  $(if $(LAYOUTS),--layouts $(LAYOUTS))

.PHONY: gold-rules
gold-rules: env ## How many lines each rule of the layouts decides, and what changes without the rare ones (TEXTS=folder)
	$(TRAINER)/bin/python tests/gold/pruning.py --texts $(TEXTS)

.PHONY: test-chart
test-chart: env ## The chart and the manifests: values, every object against a real API server, install and uninstall
	$(OPERATOR)/bin/pytest -n 2 --dist loadfile tests/chart

.PHONY: fuzz-trainer
fuzz-trainer: env ## Damaged scripts: a result or a clear error (FUZZ_SECONDS=60, SEED=a number)
	$(TRAINER)/bin/python tests/fuzz/fuzz_trainer.py --seconds $(or $(FUZZ_SECONDS),60) $(if $(SEED),--seed $(SEED))

.PHONY: e2e
e2e: env cluster ## The chart on a real node, with pods: needs root and `make images`; PACHD_ADDRESS names a real Pachyderm
	@$(PYTHON) -m dev.helm alone >/dev/null
	$(OPERATOR)/bin/pytest -x -v --durations=0 --durations-min=1 tests/node

.PHONY: chaos
chaos: chaos-localpach chaos-operator ## All of what follows

.PHONY: chaos-localpach
chaos-localpach: env ## Kill localpach hundreds of times under concurrent writers (KILLS=300, SEED=a number)
	$(OPERATOR)/bin/python -m tests.contract.chaos --kills $(or $(KILLS),300) $(if $(SEED),--seed $(SEED))

.PHONY: chaos-operator
chaos-operator: env controlplane ## Spoil each call of the operator in each way (CASES=a sample, SEED, LIMIT=seconds, PART=1/4, ONLY=a pattern)
	$(OPERATOR)/bin/python -m tests.chaos.operator $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(LIMIT),--seconds $(LIMIT)) $(if $(PART),--part $(PART)) $(if $(ONLY),--only '$(ONLY)')

.PHONY: attack
attack: env ## Hostile inputs made by generators: no finding may come (SECONDS=60 and CASES=100000 for each, SEED, ONLY=a name)
	@dev/attack.sh '$(or $(SECONDS),60)' '$(or $(CASES),100000)' '$(SEED)' '$(ONLY)'

.PHONY: attack-shapes
attack-shapes: env ## Normalise big files of every shape: none may cost ten times the CPU of a play (MEGABYTES=5, ONLY=a word)
	$(TRAINER)/bin/python -m tests.attack.shapes --megabytes $(or $(MEGABYTES),5) $(if $(ONLY),--only '$(ONLY)')

.PHONY: bench-localpach
bench-localpach: env ## How fast localpach is; beside it the server at PACHD_ADDRESS
	$(OPERATOR)/bin/python -m tests.bench.localpach

.PHONY: bench-operator
bench-operator: env ## How the operator scales beside a plain loop and naive kopf (OBJECTS=1000, ROUNDS=1, NAIVE_LIMIT=120 s)
	$(OPERATOR)/bin/python -m tests.bench.operator --objects $(or $(OBJECTS),1000) --rounds $(or $(ROUNDS),1) --naive-limit $(or $(NAIVE_LIMIT),120)

.PHONY: bench-trainer
bench-trainer: PYTORCH ?= yes
bench-trainer: env ## The trainer's speed beside PyTorch's (4 GB, PYTORCH= leaves it out) and the machine's (PARTS=steps ...)
	$(if $(PYTORCH),@dev/bench-env.sh)
	$(TRAINER)/bin/python -m tests.bench.trainer $(PARTS)
