# `make demo` runs the main job, `make test` the tests, `make check` the checks; `make help` lists all targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

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
controlplane: env ## Build or find kube-apiserver, etcd and kubectl; print their folder
	@$(OPERATOR)/bin/python -m dev.binaries

.PHONY: lock
lock: ## Resolve the lock files anew (the only target that picks versions)
	@dev/lock.sh
