"""Packs a trained model as a base: with its card, its weights in bfloat16, in one file.

Runs in the trainer's environment: python -m dev.base.pack MODEL_DIR CARD OUT
"""

from __future__ import annotations

import dataclasses
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.storage.files import converted, parse_json
from scriptmodel_trainer.storage.records import Card


def pack(folder: Path, card: Path, out: Path) -> None:
    """Write the base; equal models and cards give equal files."""
    model = model_directory.load_model(folder, judged=True)
    described = converted(parse_json(card.read_bytes()), Card)
    test = model.metrics.test
    figures = {"nats per character of its test split": round(test.nats_per_character or 0.0, 4)} if test else {}
    base = dataclasses.replace(model, card=msgspec.structs.replace(described, figures={**described.figures, **figures}))
    with tempfile.TemporaryDirectory() as scratch:
        model_directory.save_model(Path(scratch), base, render_report(base))
        with tarfile.open(out, "w") as archive:
            for path in sorted(Path(scratch).iterdir()):
                archive.add(path, path.name, filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a member without owner and time."""
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def main(arguments: Sequence[str]) -> None:
    """Pack a model."""
    pack(*map(Path, arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
