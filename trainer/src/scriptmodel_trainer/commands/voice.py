"""The voice command: whom the characters of a draft sound like and by which words, its tics, and unusual speeches."""

import functools
import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.speeches import read_speeches
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import finite
from scriptmodel_trainer.voices.report import is_striking, often, report_on, said
from scriptmodel_trainer.voices.speeches import read_draft

_WIDTH = 100
_MOST_SHOWN = 20
"""Speeches that are shown without --all."""


def voice(draft: Path, plays: Sequence[Path], layout: str, every: bool, as_json: bool, progress: Progress) -> str:
    """Return what was found as a line of JSON, or as text for a writer, with all speeches if `every`."""
    if layout == layouts.PLAIN:
        raise BadInputError("layout plain recognises no speeches", "leave out --layout, or name another one")
    chosen = layouts.layout_named(layout)
    note = functools.cache(progress.note)  # the draft may be one of the plays
    corpus = read_speeches(reading.find_sources(plays, note), chosen, note)
    if not corpus:
        raise BadInputError("no play of --with has speeches", "name plays: `scriptmodel-trainer normalize` shows them")
    (source,) = reading.find_sources([draft], note)
    names = {each.speaker.casefold() for each in corpus}
    own = read_draft(source, chosen, lambda name: name.casefold() in names)
    if not own:
        raise BadInputError(f"{draft} has no speeches", "begin each with the speaker: `VIVIE. Good morning.`")
    progress.note(f"comparing {len(own):,} speeches with {len(corpus):,} of the plays")
    report = report_on(own, corpus)
    if report["doubt"]:
        progress.note(report["doubt"])
    return json.dumps(finite(report)) if as_json else "\n".join(_text(report, every=every))


def _text(report: dict[str, Any], *, every: bool) -> Iterator[str]:
    yield "Whom your characters sound like"
    for person in report["characters"]:
        count = f"{person['speeches']} speech{'es' * (person['speeches'] != 1)}, {person['words']} words"
        yield f"  {person['name']} ({count}): {said(person['character'])}"
        if person["author"]:
            yield f"    in the manner of {said(person['author'])}"
        if person["character"] and person["character"]["words"]:
            yield f"    by {_quoted(person['character']['words'])}"
    yield from _tics(report["tics"])
    striking = [each for each in report["speeches"] if every or is_striking(each)]
    shown = striking if every else striking[:_MOST_SHOWN]
    if shown:
        yield ""
        yield "Speeches" if every else "Speeches to look at"
    for each in shown:
        yield from _shown(each)
    if len(shown) < len(striking):
        yield f"  ... and {len(striking) - len(shown)} more: --all shows every speech"


def _tics(tics: Sequence[dict[str, Any]]) -> Iterator[str]:
    if tics:
        yield from ("", "What you use far more often than the plays")
    for tic in tics:
        yield f"  {tic['words']!r}: {often(tic)}; lines {', '.join(map(str, tic['lines']))}"


def _shown(speech: dict[str, Any]) -> Iterator[str]:
    text = textwrap.shorten(speech["text"], _WIDTH - 24, placeholder=" ...")
    yield f"  line {speech['line']}, {speech['speaker']}: {text}"
    found = []
    if speech["character"] and speech["character"]["how"] != "perhaps":
        found.append(f"sounds like {said(speech['character'])}")
    if speech["new_words"]:
        found.append("words that the plays never have: " + ", ".join(speech["new_words"]))
    if speech["new_turns"]:
        found.append(f"never together there: {_quoted(speech['new_turns'])}")
    yield from textwrap.wrap("; ".join(found), _WIDTH, initial_indent="    ", subsequent_indent="    ")


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"'{each}'" for each in words)
