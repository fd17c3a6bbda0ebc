"""Several takes of the next sentence of a script, written side by side, and which of them is kept.

A network that samples strays in one sentence of two. So several are written, and the one is kept that fits the stage
and that the scene makes likely, less what is likely anywhere, as "Yes.": the highest
log p(sentence | scene) - lambda log p(sentence) (Li et al. 2016, arXiv:1510.03055), where words alone are p(sentence).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, EDGES, OPEN_BRACKET
from scriptmodel_trainer.generation.page import Page
from scriptmodel_trainer.generation.stage import Stage
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Ids

_ANYWHERE = 0.4  # lambda
_RANK = 10  # added to the rank of a word: the commonest ones are nearly alike
_LENGTH = 0.5  # what a take loses that is e times as long as the first one, or as short


@dataclass(slots=True)
class Take:
    """A page with one more sentence, whose token numbers are `new`, with what has read it and the stage after it."""

    page: Page
    reader: Reader
    stage: Stage
    new: list[int] = field(default_factory=list)
    likely: list[float] = field(default_factory=list)  # log probability of each new token

    def copy(self) -> Take:
        """Return what another take of the next sentence continues."""
        return Take(self.page.copy(), self.reader.copy(), self.stage.copy())


def ranks_of(network: Network) -> Ids:
    """Return how many words are commoner than each of the vocabulary, (V,).

    Words are in the order of their frequency, but for those that are new beside a base's: trigrams have counted them.
    """
    if network.trigrams is None:
        return np.arange(network.vocabulary, dtype=np.int32)
    order = np.argsort(-network.trigrams.counts, kind="stable")
    return np.argsort(order).astype(np.int32)


def best_take(vocabulary: Vocabulary, takes: Sequence[Take], ranks: Ids | None) -> Take:
    """Return the take with the fewest faults, and of these the one that answers the scene best; its stage moves on.

    The first take decides what follows, since likely sentences are short, and directions more than speeches. Without
    `ranks` nothing is answered: only faults and lengths count.
    """
    written = [[vocabulary.words[number] for number in take.new] for take in takes]
    best, highest = takes[0], (-np.inf, -np.inf)
    for take, tokens in zip(takes, written, strict=True):
        if _fits(tokens, written[0]):
            faults = take.stage.play(vocabulary.joined(tokens))
            answers = _answers(take, tokens, ranks) if ranks is not None else 0.0
            score = answers - _LENGTH * abs(np.log(len(tokens) / len(written[0])))
            if (-faults, score) > highest:
                best, highest = take, (-faults, score)
    return best


def _fits(tokens: Sequence[str], first: Sequence[str]) -> bool:
    """Return whether a sentence begins a speech or a direction where the first take does, with no more in brackets."""
    begins, others = ([token for token in each if token in EDGES] for each in (tokens, first))
    return begins == others and tokens.count(OPEN_BRACKET) <= first.count(OPEN_BRACKET)


def _answers(take: Take, tokens: Sequence[str], ranks: Ids) -> float:
    """Return by how much the scene makes a sentence likelier than its words are anywhere, in nats of a token.

    Who speaks counts for nothing: that is always likelier in the scene.
    """
    said = tokens.index(CLOSE_NAME) if CLOSE_NAME in tokens else 0
    anywhere = -np.log(ranks[take.new[said + 1 :]] + _RANK)  # Zipf's law
    gain = np.array(take.likely[said + 1 :]) - _ANYWHERE * anywhere
    return float(gain.sum() / max(1, len(gain)))
