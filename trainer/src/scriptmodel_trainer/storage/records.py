"""The records of a model directory: metrics of the training, scores, and facts about the corpus.

Each field's type says what is accepted from JSON, which may be forged. JSON holds null for a number that is not finite
and for what is not known: the field's default.
"""

import math
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

SCHEMA = 1
SCENES, FILES = "scenes", "files"
"""What stays together when a corpus is split."""

Text = Annotated[str, Meta(max_length=1 << 20)]
Name = Annotated[str, Meta(min_length=1, max_length=1 << 20)]
Count = Annotated[int, Meta(ge=0, le=1 << 62)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


class EpochRecord(Struct, frozen=True):
    """One finished epoch; `sample` is a line of script by its weights."""

    epoch: Count
    train_perplexity: float = math.inf
    valid_perplexity: float = math.inf
    learning_rate: float = math.inf
    seconds: float = math.inf
    words_per_second: float = math.inf
    sample: Text = ""


class Score(Struct, frozen=True):
    """`perplexity` is exp(mean negative log likelihood, in nats) over all `tokens`."""

    perplexity: float = math.inf
    tokens: Count = 0
    nats_per_character: float | None = None


class SplitPerplexity(Struct, frozen=True):
    """Perplexity of each split; that of train is measured while the weights of the best epoch were trained."""

    train: float = math.inf
    valid: float = math.inf
    test: float = math.inf


class Validation(Struct, frozen=True):
    """The validation split: `digest` of its text, which every vocabulary shares, and the best epoch's figure on it."""

    digest: Text = ""
    nats_per_character: float | None = None


class Base(Struct, frozen=True):
    """The model that a training started from: digest of its weights and words, its fingerprint and its corpus' digest.

    `vocabulary` counts the words that it knew, `new_words` those that were added. A base with a card has a `name`.
    """

    digest: Text
    fingerprint: Text
    corpus: Text
    vocabulary: Count
    new_words: Count
    name: Text = ""


class Card(Struct, frozen=True):
    """What a base is: its `name` and `language`, what it has read, its licence, and what it must not be used for.

    `figures` are nats per character of texts that it has not read.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*\Z")]  # BCP 47, in small letters
    licence: Name
    texts: tuple[Name, ...]
    not_for: Name
    figures: Mapping[Text, Amount] = {}


class Choice(Struct, frozen=True):
    """The preset that `auto` chose for so many tokens to train on and for the minutes given, and its own settings."""

    preset: Text
    tokens: Count
    minutes: Amount | None = None
    settings: Mapping[Text, Amount | bool] = {}


class Device(Struct, frozen=True):
    """What computed: `kind` is `gpu` or `cpu`; `memory_bytes` is that of a GPU, None if it is not known."""

    kind: Text = "cpu"
    name: Text = ""
    memory_bytes: Count | None = None


class Metrics(Struct, frozen=True):
    """`metrics.json`. `tokens` counts each split, `seconds` is the training time.

    `stopped_by` is `epochs`, `early-stopping` or `budget`.
    """

    fingerprint: Text
    epochs: tuple[EpochRecord, ...]
    perplexity: SplitPerplexity
    tokens: Mapping[Text, Count]
    best_epoch: Count
    seconds: Amount
    understood: float | None = None
    validation: Validation | None = None
    test: Score | None = None
    restarts: Count = 0
    stopped_by: Text | None = None
    device: Device | None = None
    precision: Text | None = None
    base: Base | None = None
    auto: Choice | None = None  # None for a preset that was named
    held_out: Mapping[Text, int | float] | None = None  # the figures that scripts are judged by

    def __post_init__(self) -> None:
        if not 1 <= self.best_epoch <= len(self.epochs):
            raise ValueError(f"there is no epoch {self.best_epoch}")
        if not {"train"} <= self.tokens.keys() <= {"train", "valid", "test"}:
            raise ValueError("the tokens are not those of the splits")


class CorpusSummary(Struct, frozen=True):
    """Counts over the training split; the lists hold (word, occurrences), most frequent first."""

    speeches: Count = 0
    expositions: Count = 0
    speakers: Count = 0
    frequent_words: tuple[tuple[Text, Count], ...] = ()
    frequent_speakers: tuple[tuple[Text, Count], ...] = ()


class CorpusFacts(Struct, frozen=True):
    """What a model was trained on: `layout` is the requested one, `layouts` counts the files of each detected one.

    `split` is what stayed together when the corpus was split: SCENES or whole FILES.
    """

    digest: Text = ""
    layout: Text = "auto"
    files: Count = 0
    layouts: Mapping[Text, Count] = {}
    notes: tuple[Text, ...] = ()
    summary: CorpusSummary = CorpusSummary()
    split: Text = SCENES


def perplexity_of(mean: float) -> float:
    """Return exp of a mean loss in nats; infinite where that overflows."""
    return math.exp(mean) if mean < 700 else math.inf
