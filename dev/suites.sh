#!/usr/bin/env bash
# Runs suites of tests to their ends, whichever fail, and closes with one line for all: passed, failed, skipped, seconds.
# usage: dev/suites.sh MAKE-COMMAND...   (with --keep-going)
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
"$@" 2>&1 | tee "$log" || status=1
# pytest closes each suite with a line such as "== 1 failed, 20 passed, 1 skipped in 9.87s ==", make names those that failed.
awk -v seconds="$SECONDS" '
  /^=+ .* in [0-9.]+s/ {
    for (word = 2; word <= NF; word++) {
      if ($word ~ /^passed/) passed += $(word - 1)
      if ($word ~ /^(failed|error)/) failed += $(word - 1)
      if ($word ~ /^skipped/) skipped += $(word - 1)
    }
  }
  match($0, /^make.*\*\*\* \[[^]]*[: ]/) { suite = substr($0, RLENGTH + 1); sub(/\].*/, "", suite); broken = broken " " suite; suites++ }
  END {
    if (suites) print "failed:" broken
    if (failed < suites) failed = suites # one may fail before it has run a test
    printf "%d passed, %d failed, %d skipped in %d s\n", passed, failed, skipped, seconds
  }' "$log"
exit "$status"
