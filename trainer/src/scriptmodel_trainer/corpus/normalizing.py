"""Writes scripts as a file in the layout `normalized`, with statistics of each file."""

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from scriptmodel_trainer.corpus import layouts, reading, understood
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.layouts.markup import without_tags
from scriptmodel_trainer.corpus.layouts.paragraphs import without_notes
from scriptmodel_trainer.corpus.plain import plain_text
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.corpus.tokens import event_tokens
from scriptmodel_trainer.corpus.understood import COUNTED_SPEAKERS, Tally
from scriptmodel_trainer.storage.controls import without_controls
from scriptmodel_trainer.storage.files import atomic_writer

_LONGEST_TAG = 1000  # characters that are held of one
_ONLY_WORDS = bytes(byte if chr(byte).isalnum() else 32 for byte in range(128)) + bytes(range(128, 256))
_WORD = re.compile(r"[^\W_]+")


def write_normalized(
    sources: Sequence[Source], layout: Layout | None, out: Path | None, *, counted: bool = False
) -> dict[str, Any]:
    """Write one event a line to `out` (stdout if None); returns statistics per file.

    If it is only `counted`, nothing goes to stdout. Raises BadInputError if there are no words at all, WriteError if
    `out` cannot be written.
    """
    found = []
    shown = Path(os.devnull).open("wb") if counted else contextlib.nullcontext(sys.stdout.buffer)  # noqa: SIM115 - it is a context
    with shown if out is None else atomic_writer(out) as file:
        for source in sources:
            with reading.naming(source):
                found.append(_write_one(source, layout, file))
        words = sum(statistics.words_out for statistics in found)
        if not words:
            tallies = [statistics.tally for statistics in found]
            raise understood.nothing_found(tallies, requested=layout is not None)
    return {
        "schema": 1,
        "files": [statistics.summary() for statistics in found],
        "words_out": words,
        "understood": round(understood.share_understood(statistics.tally for statistics in found), 5),
        "doubt": understood.doubt((statistics.file, statistics.tally) for statistics in found),
    }


@dataclass(slots=True)
class FileStatistics:
    """The statistics of one file. Words are runs of letters and digits.

    `words_in` counts the file, `words_out` what became part of the stream, `words_cut` front and end matter and page
    furniture in `cut` pieces. `unclear` counts those of the body that match no rule and were read as directions.
    """

    file: str
    tally: Tally
    speeches: int = 0
    expositions: int = 0
    lines: int = 0
    words_in: int = 0
    words_out: int = 0
    words_cut: int = 0
    cut: int = 0
    unclear: int = 0
    speakers: dict[str, int] = field(default_factory=dict)

    def count_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Count the lines of the file on their way to the layout."""
        tag = ""  # of XML, which a line may break
        for line in lines:
            self.lines += 1
            text = line
            if self.tally.layout in layouts.IN_XML:
                text, opened, tag = without_tags(f"{tag} {line}").partition("<")
                tag = (opened + tag)[:_LONGEST_TAG]
            self.words_in += count_words(text)
            yield line

    def count(self, event: Event, reaches_stream: bool) -> None:
        """Count an event; one that does not reach the stream is cut or holds no words."""
        if not reaches_stream:
            self.words_cut += count_words(f"{event.speaker} {event.text}")
            self.cut += 1
            return
        self.words_out += count_words(
            plain_text(event.text.split()) if self.tally.layout == layouts.PLAIN else event.text
        )
        self.unclear += event.doubtful
        if event.kind is EventKind.SPEECH:
            self.speeches += 1
            speaker = without_controls(event.speaker)
            if speaker in self.speakers or len(self.speakers) < COUNTED_SPEAKERS:
                self.speakers[speaker] = self.speakers.get(speaker, 0) + 1
            if not event.continued:
                self.words_out += count_words(event.speaker)
        elif event.kind is not EventKind.VERBATIM:
            self.expositions += 1

    def summary(self) -> dict[str, Any]:
        """The figures as JSON can hold them; `kept` is the share of the body's words that reached the stream."""
        body = max(1, self.words_in - self.words_cut)
        return {
            "file": self.file,
            "layout": self.tally.layout,
            "confidence": round(self.tally.confidence, 3),
            "speakers": dict(sorted(self.speakers.items(), key=lambda entry: (-entry[1], entry[0]))),
            "speeches": self.speeches,
            "expositions": self.expositions,
            "lines": self.lines,
            "words_in": self.words_in,
            "words_out": self.words_out,
            "words_cut": self.words_cut,
            "kept": round(min(1.0, self.words_out / body), 5),
            "understood": round(self.tally.share, 5),
            "dropped": round(self.tally.dropped, 5),
            "cut": self.cut,
            "not_understood": self.unclear,
        }


def count_words(text: str) -> int:
    """Runs of letters and digits, without the numbers of footnotes."""
    text = without_notes(text)
    if text.isascii():
        return len(text.encode().translate(_ONLY_WORDS).split())  # ten times as fast
    return len(_WORD.findall(text.replace("\u00ad", "")))


def _write_one(source: Source, layout: Layout | None, file: BinaryIO) -> FileStatistics:
    sample = reading.sample_lines(source)
    chosen, confidence = layouts.detect(sample, layout)
    statistics = FileStatistics(source.name, Tally(chosen.name, confidence))
    for event in chosen.parse(statistics.count_lines(chosen.read(source)), sample):
        tokens = event_tokens(event)
        statistics.count(event, bool(tokens))
        statistics.tally.add(event, len(tokens))
        if tokens:
            file.write(" ".join(["", *tokens]).encode("utf-8", errors="replace") + b"\n")
    return statistics
