# `make demo` trains a model and prints a script, `make test` runs the tests; `make help` lists these targets, and all others are
# in dev/Makefile, to which this file forwards them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export PYTHON ?= python3
# The suites start hundreds of processes, which compile all of our modules anew where Python may not keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
OPERATOR := $(VENV)/operator
TRAINER := $(VENV)/trainer
# Modules keep to one worker, so that what a module's fixture trains or starts is there once. SEED repeats generated cases.
PYTEST := bin/pytest -n 2 --dist loadscope --durations=25 $(if $(SEED),--hypothesis-seed=$(SEED))
FIRST := -m 'not slow'
# Tests wait as much as they compute, so two suites run at a time, each to its end; one line counts the tests of all.
SUITES = echo "two suites at a time, each prints its output when it ends:" && \
  dev/suites.sh $(MAKE) -f dev/Makefile --jobs=2 --keep-going --output-sync=target --no-print-directory

ifndef FORWARDED
.PHONY: plays # the name of the folder that it writes, too
.DEFAULT plays:
	@$(MAKE) --no-print-directory -f dev/Makefile $@
endif

.PHONY: help
help: ## List these targets; `make help-dev` lists the others
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' Makefile

.PHONY: env
env: ## Create .venv/operator and .venv/trainer from the hashed lock files
	@dev/env.sh

.PHONY: demo
demo: ## Train on plays and print a new script (KEEP=1 keeps everything running, QUICK=1 reads 4 plays of 38)
	@dev/demo.sh $(if $(QUICK),4,38) $(if $(KEEP),keep)

.PHONY: demo-stop
demo-stop: ## Stop what `make demo KEEP=1` started
	@dev/demo.sh stop

.PHONY: unit
unit: ## Run the unit tests of operator, localpach and dev: two minutes, no TensorFlow
	@dev/env.sh operator
	$(OPERATOR)/$(PYTEST) $(FIRST) tests/unit/operator tests/unit/localpach tests/unit/dev

.PHONY: test
test: ## Run the tests that come first; needs no container runtime and no cluster
	+@$(SUITES) test-trainer test-integration test-operator test-chart

.PHONY: test-slow
test-slow: ## Run the slow tests: kills, outages, judge, bases, releases, documented commands
	+@$(SUITES) test-slow-trainer test-slow-integration test-slow-chart

.PHONY: check
check: env ## Check formatting, lint, types, layers, generated files and workflows
	$(OPERATOR)/bin/ruff format --check .
	$(OPERATOR)/bin/ruff check .
	$(OPERATOR)/bin/mypy operator/src localpach/src dev
	$(TRAINER)/bin/mypy trainer/src
	PYTHONPATH=trainer/src $(OPERATOR)/bin/lint-imports --no-cache
	$(OPERATOR)/bin/python -m dev.generate.api --check
	$$($(PYTHON) -m dev.programs.built actionlint)
	$(OPERATOR)/bin/zizmor --offline --quiet .github
	$(OPERATOR)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(OPERATOR)/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(OPERATOR)/bin/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(OPERATOR)/bin/check-jsonschema --builtin-schema vendor.renovate .github/renovate.json

.PHONY: format
format: env ## Format the code
	@$(OPERATOR)/bin/ruff format .
	@$(OPERATOR)/bin/ruff check --fix-only .

.PHONY: manifests
manifests: env ## Generate manifests/, the CRD and the reference from the chart and the classes
	@$(OPERATOR)/bin/python -m dev.generate.api
	@$(OPERATOR)/bin/python -m dev.generate.chart

.PHONY: docs
docs: env ## Build the documentation into build/site; fails on broken links
	NO_MKDOCS_2_WARNING=1 $(OPERATOR)/bin/mkdocs build
	@echo "build/site/index.html"

.PHONY: lock
lock: ## Resolve the lock files again (the only target that selects versions)
	@dev/lock.sh

.PHONY: images
images: ## Build the images (BASE=debootstrap needs no registry, VARIANT=gpu)
	@dev/env.sh tools
	@$(PYTHON) -m dev.images $(if $(BASE),--base $(BASE)) $(if $(VARIANT),--variant $(VARIANT))

.PHONY: release
release: env ## Fill dist/ with a release (VERSION=0.1.0; IMAGES=operator,s3 or none, BASE=, KEY=, REGISTRY=)
	@$(OPERATOR)/bin/python -m dev.release build --version $(or $(VERSION),none) $(if $(IMAGES),--images $(IMAGES)) \
	  $(if $(BASE),--base $(BASE)) $(if $(REGISTRY),--registry $(REGISTRY)) $(if $(KEY),--key $(KEY))
