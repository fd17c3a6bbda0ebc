"""The commands export and report: a stored model in a format that other programs, or people, read."""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.storage import atomic_writer, write_file
from scriptmodel_trainer.trials import read_runs

_ALIGNMENT = 8
_KINDS = {"float32": "F32", "int32": "I32"}


def report(folder: Path, out: Path) -> None:
    """Write the report page of a model anew."""
    artifacts.protect(out, but=(artifacts.REPORT,))
    page = render_report(artifacts.load_model(folder, judged=True), runs=read_runs(folder))
    write_file(out, page.encode("utf-8", errors="replace"))


def export(folder: Path, out: Path) -> None:
    """Write the weights of a model directory as a safetensors file.

    Names, shapes and the order of the gates are those of the model directory; the arrays of its trigrams follow under
    `trigrams/`. The file's metadata hold the settings and the words, so that it can be used without the directory.
    """
    artifacts.protect(out)
    model = artifacts.load_model(folder)
    metadata = {
        "format": "scriptmodel-trainer",
        "preset": model.origin.preset_name,
        "parameters": json.dumps(dataclasses.asdict(model.origin.preset)),
        "gates": "input, forget, candidate, output",
        "words": json.dumps(model.vocabulary.words),
        "speakers": json.dumps(sorted(model.vocabulary.speakers)),
    }
    trigrams = model.trigrams.arrays() if model.trigrams else {}
    header, parts = safetensors(model.weights | {f"trigrams/{name}": part for name, part in trigrams.items()}, metadata)
    with atomic_writer(out) as file:
        file.write(header)
        for part in parts:
            file.write(part)


def safetensors(arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> tuple[bytes, list[bytes]]:
    """Return header and contents of a safetensors file of float32 and int32 arrays.

    The format (https://huggingface.co/docs/safetensors) is the length of a JSON header as 64 bits, the header, padded
    with spaces, and the arrays in little-endian order, one right after the other.
    """
    described: dict[str, object] = {"__metadata__": dict(metadata)}
    parts, offset = [], 0
    for name, array in sorted(arrays.items()):
        part = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        offsets = [offset, offset + len(part)]
        described[name] = {"dtype": _KINDS[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        parts.append(part)
        offset += len(part)
    header = json.dumps(described).encode()
    header += b" " * (-len(header) % _ALIGNMENT)
    return struct.pack("<Q", len(header)) + header, parts
