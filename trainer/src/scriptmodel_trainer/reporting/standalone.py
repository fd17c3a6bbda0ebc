"""One page that writes: a model, its rules and a text box in a file that a browser runs, without a network.

Matrices have 8 bits a weight and a scale for each row, which is one of their outputs. Shares of n-grams have 16 bits,
of their square roots, so that small ones are as exact. All of it is a safetensors file, compressed.
"""

import base64
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus.tokens import OPEN_NAME
from scriptmodel_trainer.corpus.words import APHAERESIS
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.casting import one_form
from scriptmodel_trainer.generation.grammar import Grammar, GrammarState, Kind, Place, kind_of
from scriptmodel_trainer.generation.sampling import COPIED, Sampling
from scriptmodel_trainer.model.verse import Lines, is_small
from scriptmodel_trainer.reporting.templating import render
from scriptmodel_trainer.storage.files import arrays_bytes

_FOLDER = Path(__file__).parent / "templates" / "standalone"
_SCRIPTS = ("engine.js", "script.js", "page.js")
_LARGEST, _ROOTS = 127, 65535  # of 8 bits, and of 16


@dataclass(frozen=True, slots=True)
class Cover:
    """What the author of a page gives it: a title, a name, and the scene that it opens with."""

    title: str
    author: str = ""
    opening: str = ""


def page_of(model: TrainedModel, cover: Cover) -> bytes:
    """Return the page; BadInputError if the model does not write speeches."""
    vocabulary = model.vocabulary
    if OPEN_NAME not in vocabulary or not vocabulary.speakers:
        raise BadInputError("a page writes speeches, and this model does not", "train it on plays")
    described = {"page": json.dumps(_described(model), ensure_ascii=False)}
    packed = gzip.compress(arrays_bytes(quantised(model), described), mtime=0)
    html = render(
        "standalone/page.html",
        title=cover.title,
        cover=cover,
        scripts="\n".join((_FOLDER / name).read_text("utf-8") for name in _SCRIPTS),
        model=base64.b64encode(packed).decode(),
        temperature=Sampling().temperature,
        plays=[play.title for play in model.plays if len(play.speakers) > 1],
    )
    return html.encode("utf-8", errors="replace")


def quantised(model: TrainedModel) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a model in fewer bits: a matrix has a row for each output, and the scales of its rows."""
    found: dict[str, npt.NDArray[Any]] = {}
    for name, array in model.weights.items():
        if array.ndim < 2:
            found[name] = array
            continue
        rows = array if name in ("embedding", "output/kernel") else array.T
        scales = np.maximum(np.abs(rows).max(axis=1), np.finfo(np.float32).tiny) / np.float32(_LARGEST)
        found |= {name: np.rint(rows / scales[:, np.newaxis]).astype(np.int8), f"{name}/scales": scales}
    for name, array in (model.trigrams.arrays() if model.trigrams else {}).items():
        shares = name.endswith(("/shares", "/backoffs"))
        found[f"trigrams/{name}"] = np.rint(np.sqrt(array) * _ROOTS).astype(np.uint16) if shares else array
    return found


def _described(model: TrainedModel) -> dict[str, Any]:
    """Return what the page must know besides arrays: words, grammar, plays and rules, with numbers for words."""
    vocabulary = model.vocabulary
    words, ids = vocabulary.words, {word: number for number, word in enumerate(vocabulary.words)}
    kinds = [kind_of(word) if vocabulary.is_word(word) else Kind.UNWRITTEN for word in words]
    speakers = one_form(name for name in vocabulary.names if kind_of(name) is not Kind.UNWRITTEN)

    def numbers(tokens: Iterable[str]) -> list[int]:
        return [ids[token] for token in tokens if token in ids]

    return {
        "words": words,
        # Words with `_` are names of cues.
        "kinds": [Kind.UNWRITTEN if "_" in word else kind for word, kind in zip(words, kinds, strict=True)],
        "flags": _flags(words, kinds, model.lines),
        "speakers": numbers(speakers),
        "plays": [
            {"names": numbers(play.speakers), "proper": numbers(play.proper)}
            for play in model.plays
            if len(play.speakers) > 1
        ],
        "grammar": _table(Grammar(frozenset((*kinds, Kind.NAME)))),
        "aphaeresis": sorted(APHAERESIS),
        "document": vocabulary.document,
        "first": vocabulary.first,
        "cutoff": model.origin.preset.softmax_cutoff,
        "copied": COPIED,
        "nucleus": Sampling().top_p,
    }


def _flags(words: Iterable[str], kinds: Iterable[Kind], lines: Lines) -> list[int]:
    """Return the rules of capitals that each word falls under, as bits: openings, small words."""
    written = {word for word, kind in zip(words, kinds, strict=True) if kind is Kind.WORD}
    small = set(filter(is_small, written))
    rules = (lines.openings, small if small != written else ())
    return [sum((word in rule) << place for place, rule in enumerate(rules)) for word in words]


def _table(grammar: Grammar) -> list[dict[str, Any]]:
    """Return all positions in a speech, its start first, with where each kind leads: -1 is the end of the speech."""
    order, table = {GrammarState(Place.SPEECH): 0}, []
    queue = list(order)
    for at in queue:
        after = {kind: grammar.advance(at, kind) for kind in sorted(grammar.allowed(at))}
        new = [each for each in dict.fromkeys(after.values()) if each.place is Place.SPEECH and each not in order]
        order |= {each: len(order) + place for place, each in enumerate(new)}
        queue += new
        table.append(
            {
                "moves": {int(kind): order.get(each, -1) for kind, each in after.items()},
                "sentence": at.sentence,
                "bracketed": any(group is Kind.OPEN_BRACKET for group, _ in at.groups),
            }
        )
    return table
