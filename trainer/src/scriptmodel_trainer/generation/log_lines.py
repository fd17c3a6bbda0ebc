"""Lines that a network writes for the log of its training."""

from collections.abc import Callable, Mapping

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats

LONGEST = 120  # characters
_WORDS = (20, 14, 9, 6)  # fewer where the words are long


def sample_line(
    vocabulary: Vocabulary, seed: int, sampling: Sampling, cutoff: int
) -> Callable[[Mapping[str, Floats]], str]:
    """Return a function from weights to one well-formed speech or direction of at most LONGEST characters.

    The softmax has `cutoff` words in its head, 0 if it has no tail. The seed is the same each time, so lines of one run
    can be compared, and nothing else draws from it. A model that cannot write such a line gives an empty text.
    """

    def write(weights: Mapping[str, Floats]) -> str:
        writer = Writer(Network(weights, vocabulary.document, cutoff=cutoff), vocabulary)
        for words in _WORDS:
            try:
                script = writer.write(words, sampling, (seed, 0), Opening())
            except BadInputError:
                return ""
            lines = [line for line in writer.text(script.tokens).splitlines() if 0 < len(line) <= LONGEST]
            if lines:
                return next((line for line in lines if line.startswith("[ ")), lines[0])
        return ""

    return write
