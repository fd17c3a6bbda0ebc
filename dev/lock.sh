#!/usr/bin/env bash
# Resolves every lock file again, with hashes and without naming an index. `UPGRADE=1` takes newer versions than those locked.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/tools/bin/uv
locks=dev/requirements
[ -x "$uv" ] || dev/env.sh tools

# lock NAME INPUT... [-- OPTION...]: writes dev/requirements/NAME.txt
lock() {
  local out=$locks/$1.txt
  shift
  "$uv" pip compile --quiet --python-version 3.11 --python-platform "${platform:-linux}" --generate-hashes --no-annotate --no-header \
    --no-emit-index-url --no-emit-find-links ${UPGRADE:+--upgrade} "$@" --output-file "$out"
  echo "$out: $(grep -c '==' "$out") packages"
}
lock bootstrap $locks/bootstrap.in
lock operator operator/pyproject.toml localpach/pyproject.toml $locks/operator.in
lock trainer trainer/pyproject.toml --extra cpu --extra serve $locks/trainer.in
# What the images hold: no tools, and of the versions that the environments were tested with.
lock operator-runtime operator/pyproject.toml --extra pachyderm --constraints $locks/operator.txt
lock trainer-cpu-runtime trainer/pyproject.toml --extra cpu --constraints $locks/trainer.txt
lock trainer-gpu-runtime trainer/pyproject.toml --extra gpu --constraints $locks/trainer.txt
platform=aarch64-manylinux_2_28 lock trainer-cpu-aarch64-runtime trainer/pyproject.toml --extra cpu --constraints $locks/trainer.txt
# What `pipx install scriptmodel` brings besides our own distributions: preferably what the trainer was tested with.
cp $locks/trainer.txt $locks/writer-runtime.txt
lock writer-runtime operator/pyproject.toml trainer/pyproject.toml $locks/writer.in --extra cpu
lock wheel $locks/wheel.in --constraints $locks/operator.txt
# What compiles for a GPU is left out of the benchmark's PyTorch; it starts without, but not without CUDA's libraries.
lock bench $locks/bench.in --no-emit-package triton --no-emit-package cuda-bindings --no-emit-package cuda-pathfinder
lock go $locks/go.in
lock corpus $locks/corpus.in --no-deps
