#!/usr/bin/env bash
# Makes the environments from the hashed lock files: .venv/tools (uv), .venv/operator (operator and localpach), .venv/trainer.
# python-pachyderm needs protobuf 3.20 and TensorFlow a newer one, hence two. An environment whose lock files have not changed is left as it is,
# unless the clone was moved or copied: its programs name the old place.
# usage: dev/env.sh [tools|operator|trainer ...]   (default: all, the two large ones side by side)
set -euo pipefail
cd "$(dirname "$0")/.."
root=$(pwd -P)
locks=dev/requirements
python=${PYTHON:-python3}

die() { echo "env: $*" >&2; exit 1; }
command -v "$python" >/dev/null || die "no $python on PATH; install Python 3.11, 3.12 or 3.13, or set PYTHON"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || die "$("$python" --version) is not supported; set PYTHON to Python 3.11, 3.12 or 3.13"

mkdir -p .venv
exec {lock}>.venv/lock && flock "$lock" # targets of make that run side by side make each environment once

export UV_LINK_MODE=${UV_LINK_MODE:-hardlink} UV_NO_PROGRESS=1

digest() { { cat "$@" dev/env.sh; echo "$root"; } | sha256sum | cut -d' ' -f1; }
fresh() { [ "$(cat ".venv/$1/.digest" 2>/dev/null)" = "$2" ]; }

tools() {
  local want; want=$(digest $locks/bootstrap.txt)
  fresh tools "$want" && return
  rm -rf .venv/tools
  "$python" -m venv .venv/tools || die "python3 -m venv failed; on Debian: apt-get install python3-venv"
  .venv/tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $locks/bootstrap.txt
  echo "$want" >.venv/tools/.digest
}

# uv does not read pip's configuration: a machine that reaches its packages through an index of its own names it to both.
name_index() {
  [ -z "${UV_DEFAULT_INDEX:-}" ] || return 0
  local index; index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
  [ -z "$index" ] || export UV_DEFAULT_INDEX=$index
}

# environment NAME "LOCK..." PROJECT...: the locked packages, the open corpus, and our own distributions as editable installs
environment() {
  local name=$1 lock=$2 want uv=$root/.venv/tools/bin/uv started=$SECONDS; shift 2
  want=$(digest "$locks/$lock.txt" $locks/corpus.txt "${@/%//pyproject.toml}")
  fresh "$name" "$want" && { echo "env: .venv/$name is up to date" >&2; return; }
  name_index
  "$uv" venv --quiet --clear --python "$python" ".venv/$name"
  export VIRTUAL_ENV=$root/.venv/$name
  "$uv" pip install --quiet --require-hashes -r "$locks/$lock.txt"
  "$uv" pip install --quiet --require-hashes --no-deps -r $locks/corpus.txt
  "$uv" pip install --quiet --no-deps --no-build-isolation "${@/#/-e}"
  # Compiled once here, not at each start: importing TensorFlow takes a third of the time. (uv's own option stumbles over TensorFlow's RECORD.)
  "$VIRTUAL_ENV/bin/python" -m compileall -q -j 0 "$VIRTUAL_ENV"/lib >/dev/null || true # some packages ship templates that are no Python
  echo "$want" >".venv/$name/.digest"
  echo "env: .venv/$name made in $((SECONDS - started)) s" >&2
}

[ $# -gt 0 ] || set -- tools operator trainer
tools
pids=()
for part; do
  case $part in
    tools) ;;
    operator) environment operator operator ./operator ./localpach & pids+=($!) ;;
    trainer) environment trainer trainer ./trainer & pids+=($!) ;;
    *) die "unknown environment '$part'; choose from: tools operator trainer" ;;
  esac
done
for pid in "${pids[@]}"; do wait "$pid" || die "an environment could not be made; its messages are above"; done
