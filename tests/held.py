"""A trainer that stops where a test says, so that no test needs a training to be slow."""

from pathlib import Path

# The trainer may be ahead of what is printed, but for those who wait for this program it has not ended.
_PROGRAM = r"""#!/bin/bash
set -u -o pipefail
wait_at() {
  local expression
  while expression=$(cat 'HOLD' 2>/dev/null) && [[ $1 =~ $expression ]]; do sleep 0.05; done
}
wait_at "$*"
'TRAINER/bin/scriptmodel-trainer' "$@" | while IFS= read -r line; do
  printf '%s\n' "$line"
  wait_at "$line"
done
"""
TRAINS, GENERATES = "^train ", "^generate "
"""What stops a command before it starts."""


def held_trainer(folder: Path, trainer: Path, hold: Path) -> Path:
    """Make an environment with that trainer, which stops while the file `hold` has an expression that matches.

    The expression (extended, as grep -E takes it) is compared with the command's arguments and then with each line of
    its log after that line was printed.
    """
    program = folder / "bin" / "scriptmodel-trainer"
    program.parent.mkdir(parents=True)
    program.write_text(_PROGRAM.replace("HOLD", str(hold)).replace("TRAINER", str(trainer.absolute())))
    program.chmod(0o755)
    return folder


def epoch_done(epoch: int) -> str:
    """Return the expression for the line of a log in JSON that reports the end of an epoch."""
    return f'"event": "epoch",.* "epoch": {epoch},'
