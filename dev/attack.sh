#!/usr/bin/env bash
# Run each attack generator for a while: attack.sh SECONDS CASES [SEED] [ONLY]. All are tried; fails after a finding.
set -euo pipefail
cd "$(dirname "$0")/.."

generators=( # environment, module
  "operator tests.attack.calls"
  "operator tests.attack.bucket"
  "trainer tests.attack.archives"
  "trainer tests.attack.models"
  "trainer tests.attack.corpora"
)

failed=0
for generator in "${generators[@]}"; do
  read -r environment module <<<"$generator"
  [[ -z ${4:-} || $module == *"${4:-}"* ]] || continue
  printf '%s\n' "--- $module"
  ".venv/$environment/bin/python" -m "$module" --seconds "$1" --cases "$2" ${3:+--seed "$3"} || failed=1
done
exit "$failed"
