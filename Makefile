# `make demo` trains a model and prints a script, `make test` runs the tests, `make check` the checks; `make help` lists all targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export PYTHON ?= python3
# The suites start hundreds of processes, which compile all of our modules anew where Python may not keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE
USUAL := demo demo-stop env unit test test-slow check format manifests docs
VENV := .venv
OPERATOR := $(VENV)/operator
TRAINER := $(VENV)/trainer
# Modules keep to one worker, so that what a module's fixture trains or starts is there once. SEED repeats generated cases.
PYTEST := bin/pytest -n 2 --dist loadscope --durations=25 $(if $(SEED),--hypothesis-seed=$(SEED))
FIRST := -m 'not slow'
# As the trainer's command sets it before NumPy is loaded; in a process that runs many, threads that wait took most of the CPU.
test-trainer test-slow-trainer: export OPENBLAS_NUM_THREADS := 1
# Tests wait as much as they compute, so two suites run at a time, each to its end; one line counts the tests of all.
SUITES = echo "two suites at a time, each prints its output when it ends:" && \
  dev/suites.sh $(MAKE) --jobs=2 --keep-going --output-sync=target --no-print-directory
# Only what says that etcd or the machine stood still is tried once more, and the closing line counts it.
RERUN := --reruns 1 --rerun-show-tracebacks --only-rerun 'etcdserver: ' --only-rerun 'definitions were not served in'

.PHONY: help
help: ## List the targets
	@awk -F':.*## ' -v usual=' $(USUAL) ' ' \
	  /^[a-z0-9-]+:.*## / { \
	    line = sprintf("  %-21s %s\n", $$1, $$2); \
	    if (index(usual, " " $$1 " ")) printf "%s", line; else others = others line \
	  } \
	  END { printf "\nThe others:\n%s", others }' $(MAKEFILE_LIST)

.PHONY: env
env: ## Create .venv/operator and .venv/trainer from the hashed lock files
	@dev/env.sh

.PHONY: controlplane
controlplane: ## Find, download or build kube-apiserver, etcd and kubectl; print their folder
	@dev/env.sh tools
	@$(PYTHON) -m dev.programs.binaries

.PHONY: helm
helm: ## Build helm and Prometheus' rule engine unless cached; print the path of helm
	@dev/env.sh tools
	@$(PYTHON) -m dev.programs.helm

.PHONY: s3
s3: ## Build the S3 server of the tests and of the chart unless cached; print its path
	@dev/env.sh tools
	@$(PYTHON) -m dev.programs.s3

.PHONY: demo
demo: ## Train on plays and print a new script, on this machine (KEEP=1 keeps everything running, QUICK=1 trains on 4 plays of 38)
	@$(PYTHON) -m dev.demo $(if $(KEEP),--keep) $(if $(QUICK),--quick)

.PHONY: demo-stop
demo-stop: ## Stop what `make demo KEEP=1` started
	@$(PYTHON) -m dev.demo --stop

.PHONY: cold-start
cold-start: ## Start a control plane ten times on busy cores and ten times on one core (STARTS=10, LIMIT=3600 s)
	@dev/env.sh tools
	@$(PYTHON) -m dev.stack.coldstart $(if $(STARTS),--starts $(STARTS)) $(if $(LIMIT),--limit $(LIMIT))

.PHONY: plays
plays: env ## Write 38 plays by Shakespeare into plays/ (PLAYS=another folder)
	@$(OPERATOR)/bin/python -m dev.demo.plays $(or $(PLAYS),plays)

.PHONY: base
base: env ## Train a base on a library of plays (LANGUAGE=en LIBRARY=folder, which is filled; OUT=another folder)
	@$(OPERATOR)/bin/python -m dev.base $(or $(LANGUAGE),en) $(or $(LIBRARY),$(error make base needs LIBRARY=folder)) $(if $(OUT),--out $(OUT))

.PHONY: images
images: ## Build the images with docker, podman or buildah (BASE=debootstrap needs no registry, VARIANT=gpu)
	@dev/env.sh tools
	@$(PYTHON) -m dev.images $(if $(BASE),--base $(BASE)) $(if $(VARIANT),--variant $(VARIANT))

.PHONY: release
release: env ## Fill dist/ with a release of this commit (VERSION=0.1.0; IMAGES=operator,s3 or none, BASE=, BASES=folder of `make base`, KEY=cosign.key, REGISTRY=)
	@$(OPERATOR)/bin/python -m dev.release build --version $(or $(VERSION),none) $(if $(IMAGES),--images $(IMAGES)) \
	  $(if $(BASE),--base $(BASE)) $(if $(BASES),--bases $(BASES)) $(if $(REGISTRY),--registry $(REGISTRY)) $(if $(KEY),--key $(KEY))

.PHONY: release-verify
release-verify: env ## Check each byte and the signature of dist/ without a network (KEY=cosign.pub, DIST=another folder)
	@$(OPERATOR)/bin/python -m dev.release verify $(if $(DIST),--dist $(DIST)) $(if $(KEY),--key $(KEY))

.PHONY: release-notes
release-notes: ## Print what CHANGELOG.md says of a version (VERSION=0.1.0)
	@awk -v heading='## [$(VERSION)]' '/^## /{shown = index($$0, heading) == 1; found += shown; next} shown; \
	  END {if (!found) {print "CHANGELOG.md has no heading " heading >"/dev/stderr"; exit 1}}' CHANGELOG.md

.PHONY: release-try
release-try: env ## Install the release in dist/ as a writer does with each Python on PATH, in an empty home without make, Go and git
	$(OPERATOR)/bin/pytest -v -o tmp_path_retention_policy=failed tests/release # an installation takes 2 GB

.PHONY: release-compare
release-compare: env ## Check that two builds of a release are the same bytes (OTHER=dist of another clone)
	@$(OPERATOR)/bin/python -m dev.release compare --other $(OTHER)

.PHONY: release-push
release-push: env ## Push images and chart of dist/ by digest (REGISTRY=host/path; KEY=cosign.key or KEYLESS=1 signs them there)
	@$(OPERATOR)/bin/python -m dev.release push --registry $(REGISTRY) $(if $(KEY),--key $(KEY)) $(if $(KEYLESS),--keyless)

.PHONY: cluster
cluster: ## Start a one-node Kubernetes on this machine and load the images (root, Linux)
	@dev/env.sh tools
	@$(PYTHON) -m dev.cluster

.PHONY: cluster-stop
cluster-stop: ## Stop what `make cluster` started, pods included
	@$(PYTHON) -m dev.cluster --stop

.PHONY: docs-version
docs-version: env ## Commit the documentation of a version to the branch gh-pages, where each minor version has a folder (VERSION=0.1.0)
	PATH=$(CURDIR)/$(OPERATOR)/bin:$$PATH NO_MKDOCS_2_WARNING=1 mike deploy --update-aliases $(basename $(VERSION)) latest
	$(OPERATOR)/bin/mike set-default latest

.PHONY: lock
lock: ## Resolve the lock files again (the only target that selects versions)
	@dev/lock.sh

.PHONY: format
format: env ## Format the code
	@$(OPERATOR)/bin/ruff format .
	@$(OPERATOR)/bin/ruff check --fix-only .

.PHONY: check
check: env ## Check formatting, lint, types, layers, generated files and workflows
	$(OPERATOR)/bin/ruff format --check .
	$(OPERATOR)/bin/ruff check .
	$(OPERATOR)/bin/mypy operator/src localpach/src dev
	$(TRAINER)/bin/mypy trainer/src
	PYTHONPATH=trainer/src $(OPERATOR)/bin/lint-imports --no-cache
	$(OPERATOR)/bin/python -m dev.generate.api --check
	$$($(PYTHON) -m dev.programs.actionlint)
	$(OPERATOR)/bin/zizmor --offline --quiet .github
	$(OPERATOR)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(OPERATOR)/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(OPERATOR)/bin/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(OPERATOR)/bin/check-jsonschema --builtin-schema vendor.renovate .github/renovate.json

.PHONY: manifests
manifests: env ## Generate manifests/ from the chart, and the CRD and the API reference from the classes
	@$(OPERATOR)/bin/python -m dev.generate.api
	@$(OPERATOR)/bin/python -m dev.generate.chart

.PHONY: docs
docs: env ## Build the documentation into build/site; fails on broken links
	NO_MKDOCS_2_WARNING=1 $(OPERATOR)/bin/mkdocs build
	@echo "build/site/index.html"

.PHONY: unit
unit: ## Run the unit tests of operator, localpach and dev: two minutes, no TensorFlow, no API server
	@dev/env.sh operator
	$(OPERATOR)/$(PYTEST) $(FIRST) tests/unit/operator tests/unit/localpach tests/unit/dev

.PHONY: test
test: ## Run the tests that come first; needs no container runtime and no cluster
	+@$(SUITES) test-trainer test-integration test-operator test-chart

.PHONY: test-trainer
test-trainer: env ## Run the trainer's tests, in its environment
	$(TRAINER)/$(PYTEST) $(FIRST) tests/unit/trainer

.PHONY: test-operator
test-operator: env ## Run the unit tests of operator, localpach and dev, and the contract suite
	$(OPERATOR)/$(PYTEST) $(FIRST) tests/unit/operator tests/unit/localpach tests/unit/dev tests/contract

.PHONY: test-integration
test-integration: env controlplane s3 ## Test the operator with a real API server and localpach, and test the demo
	$(OPERATOR)/$(PYTEST) $(FIRST) $(RERUN) tests/integration tests/e2e

.PHONY: test-chart
test-chart: env controlplane helm ## Test the chart and the manifests: values, every object with a real API server
	$(OPERATOR)/$(PYTEST) $(FIRST) tests/chart

.PHONY: test-slow
test-slow: ## Run the slow tests: kills, state folders, judge, base models, outages, releases, documented commands
	+@$(SUITES) test-slow-trainer test-slow-integration test-slow-chart

.PHONY: test-slow-trainer
test-slow-trainer: env ## Run the slow tests of the trainer
	$(TRAINER)/$(PYTEST) -m slow tests/unit/trainer

.PHONY: test-slow-integration
test-slow-integration: env controlplane s3 ## Run the slow tests of operator, localpach and pages with a real API server
	$(OPERATOR)/$(PYTEST) -m slow $(RERUN) tests/integration tests/browser tests/unit/dev

.PHONY: test-browser
test-browser: env ## Test the pages of `scriptmodel ui` in Chromium (a part of test-slow)
	$(OPERATOR)/$(PYTEST) -m slow tests/browser

.PHONY: test-slow-chart
test-slow-chart: env controlplane helm ## Run the slow tests of the chart
	$(OPERATOR)/$(PYTEST) -m slow tests/chart

.PHONY: nightly
nightly: env ## Run what takes the whole machine: cold starts, long chaos and attack, an upgrade on a node (root)
	$(MAKE) --keep-going cold-start chaos attack
	$(MAKE) images BASE=$${BASE-debootstrap}
	trap '$(MAKE) cluster-stop' EXIT; $(MAKE) upgrade

.PHONY: contract
contract: env ## Replay the recordings of a real Pachyderm against localpach, or the server at PACHD_ADDRESS
	$(OPERATOR)/bin/pytest --durations=25 tests/contract

.PHONY: gold
gold: env ## Compare how plays are read with notes made by hand (PLAYS=folder of the real plays)
	$(TRAINER)/bin/python tests/gold/measure.py $(if $(PLAYS),--plays $(PLAYS))

.PHONY: gold-diff
gold-diff: env ## Which lines are read otherwise than by commit BASE=HEAD (TEXTS=folder, LAYOUTS=all)
	$(TRAINER)/bin/python tests/gold/difference.py --base $(or $(BASE),HEAD) $(if $(TEXTS),--texts $(TEXTS)) \
	  $(if $(LAYOUTS),--layouts $(LAYOUTS))

.PHONY: e2e
e2e: env cluster ## Test the chart with real pods; needs root and `make images` (PACHD_ADDRESS=a real Pachyderm, PACHD_ROOT_TOKEN if it has auth)
	@$(PYTHON) -m dev.programs.helm alone >/dev/null
	$(OPERATOR)/bin/pytest -x -v $(FIRST) --durations=25 tests/node

.PHONY: upgrade
upgrade: env cluster ## Upgrade from the version before, rebuilt from its commit, with a training in progress; needs root and `make images`
	@$(PYTHON) -m dev.programs.helm alone >/dev/null
	$(OPERATOR)/bin/pytest -v -m slow tests/node

.PHONY: kueue
kueue: env cluster ## Test queues with Kueue, which is built once, and real pods; needs root and `make images`
	@$(PYTHON) -m dev.programs.helm alone >/dev/null
	@$(PYTHON) -m dev.programs.kueue >/dev/null
	$(OPERATOR)/bin/pytest -v tests/kueue

.PHONY: chaos
chaos: chaos-localpach chaos-operator chaos-jobs chaos-trainer ## Run all fault suites

.PHONY: chaos-localpach
chaos-localpach: env ## Kill localpach under concurrent writers (KILLS=300, SEED=a number)
	$(OPERATOR)/bin/python -m tests.contract.chaos --kills $(or $(KILLS),300) $(if $(SEED),--seed $(SEED))

.PHONY: chaos-operator
chaos-operator: env controlplane ## Inject every kind of fault into every call of the operator (CASES=sample size, SEED, LIMIT=seconds, PART=1/4, ONLY=a pattern)
	$(OPERATOR)/bin/python -m tests.chaos.operator $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(LIMIT),--seconds $(LIMIT)) $(if $(PART),--part $(PART)) $(if $(ONLY),--only '$(ONLY)')

.PHONY: chaos-jobs
chaos-jobs: env ## Kill the operator at each call to bucket and API server, and let another act there (make test does so at some)
	$(OPERATOR)/$(PYTEST) -m slow tests/unit/operator

.PHONY: chaos-trainer
chaos-trainer: env ## Lose the worker of a training at random steps: the weights stay those of an undisturbed run (KILLS=20, SEED, EPOCHS=12)
	$(OPERATOR)/bin/python -m tests.chaos.lost_workers --kills $(or $(KILLS),20) $(if $(SEED),--seed $(SEED)) \
	  $(if $(EPOCHS),--epochs $(EPOCHS))

.PHONY: attack
attack: env ## Test with generated hostile inputs (SECONDS=60 and CASES=100000 for each generator, SEED, ONLY=a name)
	@dev/attack.sh '$(or $(SECONDS),60)' '$(or $(CASES),100000)' '$(SEED)' '$(ONLY)'

.PHONY: attack-shapes
attack-shapes: env ## Normalise large files of many shapes; fails if one costs ten times the CPU of a play (MEGABYTES=5, ONLY=a word)
	$(TRAINER)/bin/python -m tests.attack.shapes --megabytes $(or $(MEGABYTES),5) $(if $(ONLY),--only '$(ONLY)')

.PHONY: bench-operator
bench-operator: env ## Compare the operator with a plain loop (OBJECTS=1000, ROUNDS=1)
	$(OPERATOR)/bin/python -m dev.bench.operator --objects $(or $(OBJECTS),1000) --rounds $(or $(ROUNDS),1)

.PHONY: bench-trainer
bench-trainer: PYTORCH ?= yes
bench-trainer: env ## Compare training steps with PyTorch's (4 GB; PYTORCH= skips it) and the machine's limits
	$(if $(PYTORCH),@dev/bench-env.sh)
	$(TRAINER)/bin/python -m dev.bench.trainer
