"""Runs the trainer's command with `--set` for all fields of a preset, as published figures and trials need it.

python -m dev.bench.trainer.train --data DIR --out MODEL_DIR --preset tuned --set warm_up=0.06
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

from scriptmodel_trainer import cli
from scriptmodel_trainer.model import presets

COMMAND = (sys.executable, "-m", "dev.bench.trainer.train")


def main(arguments: Sequence[str]) -> int:
    """Train a model; the arguments are those of `scriptmodel-trainer train`."""
    presets.KEYS[:] = [field.name for field in dataclasses.fields(presets.Preset)]
    return cli.main(["train", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
