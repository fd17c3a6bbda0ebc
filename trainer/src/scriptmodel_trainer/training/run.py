"""What is trained, and what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.stream import TokenStream
from scriptmodel_trainer.model.letter_ngrams import LetterNgrams
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats, Ids
from scriptmodel_trainer.storage.records import Device
from scriptmodel_trainer.training.checkpoints import Checkpoint, Checkpoints
from scriptmodel_trainer.training.options import TrainOptions
from scriptmodel_trainer.training.state import RunState


@dataclass(frozen=True, slots=True)
class Run:
    """What is trained: `splits` are those of the corpus in numbers of the vocabulary.

    `options` have what `auto` chose; the command started at `started`. The state is kept in `store`, of which the run
    continues from what is `saved`. Unless it `starts_from` weights these are random.
    """

    options: TrainOptions
    corpus: TokenStream
    vocabulary: Vocabulary
    splits: Mapping[str, Ids]
    fingerprint: str
    store: Checkpoints
    started: float = 0.0
    saved: Checkpoint | None = None
    state: RunState = field(default_factory=RunState)
    """How far it is; training keeps it up to date."""
    starts_from: Mapping[str, Floats] | None = None
    letter_ngrams: LetterNgrams | None = None
    """The n-grams of letters of the words, if words share vectors by them."""
    device: Device = field(default_factory=Device)
    sample: Callable[[dict[str, Floats]], str] = lambda _: ""
    """Writes a line of script with the given weights; must not draw from any generator that training uses."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Weights of the epoch with the best validation perplexity, and why training ended; the run's state has the rest.

    `stopped_by` is `epochs`, `early-stopping` or `budget`.
    """

    weights: dict[str, Floats]
    stopped_by: str
