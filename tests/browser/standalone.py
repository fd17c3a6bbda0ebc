"""Small models of random weights, their pages that write, and what Python expects of these pages.

It runs in the trainer's environment: `python standalone.py FOLDER` writes `page.html` and `expected.json` into its
folders `whole`, for a model that has all parts, and `bare`, for one that has none.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from scriptmodel_trainer.artifacts.description import Play
from scriptmodel_trainer.artifacts.model_directory import Origin, TrainedModel
from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.generation.sampling import COPIED
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.subwords import LETTERS
from scriptmodel_trainer.model.trigrams import count
from scriptmodel_trainer.model.verse import Lines
from scriptmodel_trainer.model.vocabulary import Vocabulary, with_names
from scriptmodel_trainer.reporting.standalone import Cover, page_of, quantised
from scriptmodel_trainer.storage.records import CorpusFacts, EpochRecord, Metrics, SplitPerplexity

SCENE = "ANNA: The \"lamp\" waits. (Going.)\n\n(Enter Ben.)\n\nZOE: We're 'ere -- I don't"
TEMPERATURE, STEPS = 0.9, 60
_WORDS = (
    *("the", "The", "lamp", "waits", "he", "He", "She", "she", "Anna", "Ben", "Mrs.", "an", "a", "apple", "I", "do"),
    *("ANNA", "BEN", "LADY_BELL", "DORA", "CARL", "Carl", "n't", "'re", "'tis", ",", ";", "--"),
    *(*sorted(tokens.MARKERS), tokens.DOCUMENT),
    *(letter for letter in LETTERS if letter not in "aI,;"),
)
_PARTS = frozenset(at for at, word in enumerate(_WORDS) if word in LETTERS[:94] and word not in "aI,;")
_SPEAKERS = ("ANNA", "BEN", "LADY_BELL", "DORA", "CARL")
_LINES = Lines(openings=frozenset({"The"}))


def model() -> TrainedModel:
    """Return a model of two layers with a projection, a tail, a cache and trigrams."""
    vocabulary = Vocabulary(_WORDS, frozenset(map(_WORDS.index, _SPEAKERS)), parts=_PARTS)
    preset = Preset(hidden_units=10, embedding_units=6, tied_embeddings=True, cache_window=20, softmax_cutoff=20)
    random = np.random.default_rng(1)
    shapes = preset.shapes(len(vocabulary))
    weights = {name: random.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}
    trigrams = count(random.integers(0, len(vocabulary), 900).astype(np.int32) % 30, len(vocabulary), vocabulary.first)
    plays = (
        Play(
            "One of the longest titles that a folder of plays has in all of this wide world",
            ("ANNA", "BEN", "LADY_BELL"),
            verse=True,
            proper=("Anna",),
        ),
        Play("Two", ("DORA", "CARL"), proper=("Carl",)),
    )
    origin = Origin("test", preset, 0, CorpusFacts(), {})
    metrics = Metrics("", (EpochRecord(1),), SplitPerplexity(), dict.fromkeys(("train", "valid", "test"), 1), 1, 1.0)
    return TrainedModel(
        origin, vocabulary, weights, metrics, trigrams=replace(trigrams, share=0.2), plays=plays, lines=_LINES
    )


def bare() -> TrainedModel:
    """Return a model of one layer without a tail, a cache, trigrams, plays and starts of documents."""
    words = tuple(word for word in _WORDS if word != tokens.DOCUMENT)
    preset, random = Preset(hidden_units=8, layers=1), np.random.default_rng(3)
    return replace(
        model(),
        vocabulary=with_names(words, _SPEAKERS, frozenset(words.index(_WORDS[at]) for at in _PARTS)),
        weights={
            name: random.normal(0, 0.7, shape).astype(np.float32) for name, shape in preset.shapes(len(words)).items()
        },
        trigrams=None,
        plays=(),
        origin=Origin("test", preset, 0, CorpusFacts(), {}),
    )


def restored(given: TrainedModel) -> TrainedModel:
    """Return a model with the weights that its page has."""
    arrays, weights = quantised(given), {}
    for name, array in given.weights.items():
        weights[name] = arrays[name]
        if array.ndim > 1:
            rows = arrays[name].astype(np.float32) * arrays[f"{name}/scales"][:, np.newaxis]
            weights[name] = rows if name in ("embedding", "output/kernel") else np.ascontiguousarray(rows.T)
    if given.trigrams is None:
        return replace(given, weights=weights)
    tables = {}
    for name in ("bigrams", "trigrams"):
        roots = {part: arrays[f"trigrams/{name}/{part}"].astype(np.float64) / 65535 for part in ("shares", "backoffs")}
        shares = {part: np.square(each).astype(np.float32) for part, each in roots.items()}
        tables[name] = replace(getattr(given.trigrams, name), **shares)
    return replace(given, weights=weights, trigrams=replace(given.trigrams, **tables))


def expected(given: TrainedModel) -> dict[str, object]:
    """Return the probabilities after each of some tokens."""
    same = restored(given)
    random = np.random.default_rng(5)
    numbers = [same.vocabulary.first, *random.integers(0, len(same.vocabulary), STEPS).tolist()]
    reader = Reader(same.network(COPIED), TEMPERATURE)
    likely = [np.exp(reader.read(number) / np.float32(TEMPERATURE)) for number in numbers]
    return {
        "temperature": TEMPERATURE,
        "numbers": numbers,
        "probabilities": [(each / each.sum()).tolist() for each in likely],
    }


def main(folder: Path) -> None:
    for name, made in (("whole", model()), ("bare", bare())):
        (folder / name).mkdir()
        (folder / name / "page.html").write_bytes(page_of(made, Cover("The <Lamp>", "A. B.", SCENE)))
        (folder / name / "expected.json").write_text(json.dumps(expected(made)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
