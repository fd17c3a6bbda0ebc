"""The script that is requested: whether a model of this vocabulary can write it is known before the training."""

import contextlib
from dataclasses import dataclass, field

import msgspec
import numpy as np

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Draft, Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress

_NAMED = 10  # unknown words in a warning


@dataclass(frozen=True, slots=True)
class Request:
    """What a script starts with, and its words at most."""

    words: int
    opening: Opening = field(default_factory=Opening)


def request_from(text: str, origin: str) -> Request:
    """Return the request of a line of JSON."""
    try:
        return msgspec.json.decode(text, type=Request)
    except msgspec.ValidationError as error:
        raise BadInputError(f"{origin} is not a request: {error}") from error


def require_limits(words: int, samples: int, seed: int, most: int) -> None:
    """Raise BadInputError unless so many samples, at most `most`, of so many words can be written with a seed."""
    if words < 1:
        raise BadInputError(f"--words {words} must be at least 1", parameter="words")
    if not 1 <= samples <= most:
        raise BadInputError(f"--samples {samples} must lie between 1 and {most}", parameter="samples")
    if seed < 0:
        raise BadInputError(f"--seed {seed} must not be negative", parameter="seed")


def check_request(request: Request, vocabulary: Vocabulary, progress: Progress) -> None:
    """Raise BadInputError if no model of this vocabulary can write the script; warn of what it does not know."""
    size = len(vocabulary)
    logits = np.zeros(size, np.float32)
    network = Network({"embedding": np.zeros((size, 1), np.float32), "output/bias": logits}, vocabulary.document)
    writer, draft = Writer(network, vocabulary), Draft()
    note_unknown(writer, request.opening, progress)
    stream = writer.stream(request.words, Sampling(), (0,), request.opening, draft)
    with contextlib.suppress(StopIteration):
        next(stream)
        while not draft.opened:
            stream.send(logits)


def note_unknown(writer: Writer, opening: Opening, progress: Progress) -> None:
    """Warn of names of the opening that the model does not know."""
    if unknown := writer.unknown(opening):
        named = ", ".join(unknown[:_NAMED]) + (" ..." if len(unknown) > _NAMED else "")
        text = f"your plays never have: {named}; they speak with the words of others"
        progress.report(Warned("unknown_names", text))
