"""Scripts to a file in the layout `normalized`, streamed, with what was understood of each file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from scriptmodel_trainer.corpus.events import EventKind
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.corpus.stream import events_of
from scriptmodel_trainer.corpus.tokens import MARKERS, OPEN_NAME, PUNCTUATION, event_tokens
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.storage import as_write_error, atomic_writer


def write_normalized(sources: Sequence[Source], layout: Layout | None, out: Path | None) -> dict[str, Any]:
    """Write one event a line to `out` (stdout if None); returns statistics per file.

    Raises BadInputError if there are no words at all, WriteError if `out` cannot be written.
    """
    if out is None:
        return _write_all(sources, layout, sys.stdout.buffer)
    with as_write_error(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_writer(out) as file:
        return _write_all(sources, layout, file)


def _write_all(sources: Sequence[Source], layout: Layout | None, file: BinaryIO) -> dict[str, Any]:
    files = [_write_one(source, layout, file) for source in sources]
    words = sum(entry["words_out"] for entry in files)
    if not words:
        raise BadInputError(f"no words found in {len(sources)} file(s)", "check the files and --layout")
    return {"schema": 1, "files": files, "words_out": words}


def _write_one(source: Source, layout: Layout | None, file: BinaryIO) -> dict[str, Any]:
    chosen, confidence, events = events_of(source, layout)
    speakers: set[str] = set()
    counts = dict.fromkeys(("speeches", "expositions", "words_out"), 0)
    for event in events:
        tokens = event_tokens(event)
        if not tokens:
            continue
        file.write(" ".join(["", *tokens]).encode("utf-8", errors="replace") + b"\n")
        if tokens[0] == OPEN_NAME:
            speakers.add(tokens[1])
            counts["speeches"] += 1
        elif event.kind in (EventKind.EXPOSITION, EventKind.HEADING):
            counts["expositions"] += 1
        counts["words_out"] += sum(token not in MARKERS and token not in PUNCTUATION for token in tokens)
    return {
        "file": source.name,
        "layout": chosen.name,
        "confidence": round(confidence, 3),
        "speakers": len(speakers),
        **counts,
    }
