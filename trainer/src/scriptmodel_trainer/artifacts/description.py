"""The description of a model, `model.json`, which is validated before use because it may be forged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta, Struct

from scriptmodel_trainer.corpus import plain
from scriptmodel_trainer.corpus.plays import title_of_file
from scriptmodel_trainer.corpus.tokens import EOS, PAIRS
from scriptmodel_trainer.model.subwords import LETTERS
from scriptmodel_trainer.model.verse import Lines
from scriptmodel_trainer.storage.records import SCHEMA, Base, Card, CorpusFacts, Count, Metrics, Name, Text

MOST_JSON = 1 << 27  # bytes of one JSON file
MOST_WORDS = 1_000_100  # of a vocabulary: the limit of vocabulary_size, and the markers


@dataclass(frozen=True, slots=True)
class Play:
    """A play of the corpus: its file and title, the tokens of its speakers, most frequent first, whether in verse.

    `proper` are words with a capital that few other plays have: names of its people and places.
    """

    name: Name
    speakers: tuple[Name, ...]
    verse: bool = False
    proper: tuple[Name, ...] = ()

    @property
    def title(self) -> str:
        """What a reader calls it: the title within its file, else what the file's name says."""
        file, _, title = self.name.partition(": ")
        return title or title_of_file(file)


class Description(Struct, frozen=True, kw_only=True):
    """`model.json`: everything about a model but its arrays.

    `files` has the SHA-256 of each file of arrays; `weights` counts the weights and `vocabulary` the words;
    `card` makes a model a base.
    """

    schema: int = SCHEMA
    preset: Text
    parameters: Mapping[str, Any]
    vocabulary: Count
    weights: Count
    speakers: tuple[Count, ...]
    spelled_names: tuple[Name, ...] = ()
    parts: tuple[Count, ...] = ()
    seed: Annotated[int, Meta(ge=0, lt=1 << 31)]
    corpus: CorpusFacts
    versions: Mapping[Text, Text]
    base: Base | None = None
    plays: tuple[Play, ...] = ()
    lines: Lines = Lines()
    files: Mapping[Text, Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]]
    metrics: Metrics
    words: Annotated[tuple[Name, ...], Meta(min_length=2, max_length=MOST_WORDS)]
    card: Card | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless the words are a vocabulary."""
        held = set(self.words)
        if len(held) < len(self.words):
            raise ValueError("a word is in the vocabulary twice")
        paired = all((opener in held) is (closer in held) for opener, closer in PAIRS.items())
        if not (paired and EOS in held) or (plain.is_plain(held) and not held.issuperset(plain.MARKERS)):
            raise ValueError("the vocabulary lacks markers")
        if not held.issuperset(LETTERS):
            raise ValueError("the vocabulary lacks letters, as that of an older version does")
        if len(self.lines.widths) not in (0, 3):
            raise ValueError("lines of verse have three widths")
        if any(number >= len(self.words) for number in (*self.speakers, *self.parts)):
            raise ValueError("a speaker or a sub-word is not in the vocabulary")
