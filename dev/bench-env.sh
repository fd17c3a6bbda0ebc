#!/usr/bin/env bash
# Makes .venv/bench, PyTorch alone from its hashed lock file, for `make bench-trainer`: a download of 3 GB, 4 GB on the disk.
# Apart from dev/env.sh, so that no other target ever waits for it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
lock=dev/requirements/bench.txt
want=$(cat $lock "$0" | sha256sum | cut -d' ' -f1)
[ "$(cat .venv/bench/.digest 2>/dev/null)" = "$want" ] && exit
dev/env.sh tools
if [ -z "${UV_DEFAULT_INDEX:-}" ]; then # as dev/env.sh does: uv does not read pip's configuration
  index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
  [ -n "${PIP_INDEX_URL:-$index}" ] && export UV_DEFAULT_INDEX=${PIP_INDEX_URL:-$index}
fi
export UV_LINK_MODE=${UV_LINK_MODE:-hardlink} UV_NO_PROGRESS=1
.venv/tools/bin/uv venv --quiet --clear --python "$python" .venv/bench
# Not its dependencies: the lock names all that it needs to compute on a processor, and no more.
VIRTUAL_ENV=$PWD/.venv/bench .venv/tools/bin/uv pip install --quiet --require-hashes --no-deps -r $lock
echo "$want" >.venv/bench/.digest
echo "env: .venv/bench made in $SECONDS s" >&2
