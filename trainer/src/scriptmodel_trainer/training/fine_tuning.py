"""Starting from a finished model: its weights, its vocabulary and the new words, a fresh optimizer."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus.layouts import PLAIN
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.judging.copies import KnownSentences, stored_sentences
from scriptmodel_trainer.model import presets
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.vocabulary import (
    Vocabulary,
    counts_of,
    frequent_words,
    speakers_of,
    with_names,
)
from scriptmodel_trainer.storage.arrays import Floats, Ids
from scriptmodel_trainer.storage.records import Base

_FEWER = 4  # a model that starts from another needs a quarter of the epochs
_GENTLER = 0.3  # share of the rate of a base with a card, on few plays
_MOST_EPOCHS, _READ = 8, 400_000  # at most so many epochs, and tokens in each minute, with scoring and all


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model to start from; `sentences` are those of its training text, if known."""

    folder: Path
    model: TrainedModel
    sentences: KnownSentences | None

    def record(self, vocabulary: Vocabulary) -> Base:
        """Return what the new model, with that vocabulary, says of its base."""
        known = len(self.model.vocabulary)
        corpus = self.model.origin.corpus.digest
        name = self.model.card.name if self.model.card else ""
        return Base(self.model.digest, self.model.metrics.fingerprint, corpus, known, len(vocabulary) - known, name)


def load_base(folder: Path) -> BaseModel:
    """Read a model directory to start from; BadInputError if it is missing, damaged or no model."""
    model = model_directory.load_model(folder, judged=True)
    return BaseModel(folder, model, stored_sentences(model, folder))


def preset_after(
    base: BaseModel, name: str | None, overrides: Mapping[str, str], tokens: int = 1, minutes: float | None = None
) -> tuple[str, Preset]:
    """Return name and settings of a training on so many tokens from `base`; without a `name` they are the base's.

    Unless `overrides` set the number of epochs, the schedule is that of a training from random weights in a quarter of
    its epochs; from a base with a card it is one for few plays, in so many minutes. BadInputError if the sizes are not
    the base's, or it should lack what the base has.
    """
    origin = base.model.origin
    start = presets.preset_named(name) if name else origin.preset
    start = dataclasses.replace(start, document_starts=origin.preset.document_starts)
    if of_few := not name and base.model.card is not None:
        start = _for_few(start, epochs_in(minutes, tokens))
    preset = presets.with_overrides(start, overrides)
    _require_sizes(base, name or origin.preset_name, preset)
    if "epochs" not in overrides and not of_few and (name or origin.base is None):
        preset = _shortened(preset)
    return name or origin.preset_name, preset


def epochs_in(minutes: float | None, tokens: int) -> int:
    """Return how often at most a training on few plays reads their tokens in so many minutes; None: without a limit."""
    return _MOST_EPOCHS if minutes is None else max(1, min(_MOST_EPOCHS, round(_READ * minutes / max(1, tokens))))


def _for_few(preset: Preset, epochs: int) -> Preset:
    """Return the settings of a base's training for a few plays: a low rate, and trigrams of these plays alone."""
    rate = preset.learning_rate * _GENTLER
    return dataclasses.replace(
        preset, epochs=epochs, patience=1, learning_rate=rate, output_dropout=0.3, dropout=0.2, trigrams=True
    )


def _shortened(preset: Preset) -> Preset:
    """Run the schedule of the learning rate in a quarter of the epochs, at least one."""
    return dataclasses.replace(
        preset,
        epochs=max(1, preset.epochs // _FEWER),
        full_rate_epochs=preset.full_rate_epochs // _FEWER,
        learning_rate_decay=max(1e-6, preset.learning_rate_decay**_FEWER),
    )


def _require_sizes(base: BaseModel, name: str, preset: Preset) -> None:
    origin = base.model.origin
    for size in ("layers", "hidden_units", "input_units", "tied_embeddings", "softmax_cutoff", "cache_window"):
        requested, of_base = getattr(preset, size), getattr(origin.preset, size)
        if requested != of_base:
            key = size.replace("input_units", "embedding_units")
            raise BadInputError(
                f"preset {name} has {key}={requested}, but the base {base.folder} (preset {origin.preset_name}) has "
                f"{key}={of_base}",
                "leave out --preset and the sizes to train with the base's",
                parameter="from",
            )


def vocabulary_after(base: Vocabulary, train: Ids, lexicon: Sequence[str], preset: Preset) -> Vocabulary:
    """Return the words of `base`, numbered as there, and after them the new words of a training split.

    New are the words that a vocabulary made for this split alone would have and `base` has not.
    """
    own = frequent_words(counts_of(train, lexicon), preset.vocabulary_size)
    new = (word for word in own if word not in base)
    return with_names((*base.words, *new), [*base.names, *speakers_of(train, lexicon)], base.parts)


def require_layout(base: BaseModel, layout: str) -> None:
    """Raise BadInputError if a base of plain text is to learn from scripts, or the reverse."""
    if base.model.vocabulary.plain != (layout == PLAIN):
        own = PLAIN if base.model.vocabulary.plain else base.model.origin.corpus.layout
        raise BadInputError(
            f"the base {base.folder} was trained with layout {own}, not {layout}",
            f"use --layout {own}",
            parameter="from",
        )


def weights_after(base: TrainedModel, vocabulary: Vocabulary) -> dict[str, Floats]:
    """Return the weights of `base` with rows for the new words: the mean of those that have spelled each.

    A new word is as probable as the least of them. A tail that the softmax had not before is so, too.
    """
    known, preset, weights = len(base.vocabulary), base.origin.preset, dict(base.weights)
    spelled = [base.vocabulary.encode([word]) for word in vocabulary.words[known:]]
    if not spelled:
        return weights
    for name in ("embedding", "output/kernel"):
        if name in weights:
            weights[name] = np.concatenate([weights[name], [weights[name][pieces].mean(axis=0) for pieces in spelled]])
    bias = weights["output/bias"]
    weights["output/bias"] = np.concatenate([bias, [bias[pieces].min() for pieces in spelled]])
    if preset.has_tail(len(vocabulary)) and not preset.has_tail(known):
        tail = slice(preset.softmax_cutoff, None)
        weights["output/tail"] = weights.get("output/kernel", weights["embedding"])[tail].mean(axis=0)
        weights["output/tail_bias"] = weights["output/bias"][tail].max()
    return weights
