"""Words of the training text that are read as new ones, so that training learns how often a new word comes.

A vocabulary that holds all words of its training text never shows `<unk>` there, though one word in twenty of other
text by the same author may be new. Absolute discounting (Ney, Essen and Kneser 1994) takes a part of a count from each
word for words that were not seen. Here it is done by drawing: each time a word that occurs n times is read, it is
replaced by `<unk>` with probability `unknown_discount` / n.

An open vocabulary spells new words with sub-words, and holds the frequent words of its training text, so it spells
less there than in other text. With it `subword_discount` occurrences of each word are spelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.corpus.tokens import DOCUMENT, MARKERS, PUNCTUATION, UNKNOWN
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats, Ids


@dataclass(frozen=True, slots=True)
class Discount:
    """`shares` (V,) has the probability with which a token is read as `unknown`, the number of `<unk>`."""

    unknown: int
    shares: Floats

    def expected_counts(self, counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return how often each token is read in an epoch on average, from its counts (V,) in the training split."""
        taken = counts * self.shares
        expected: npt.NDArray[np.float64] = counts - taken
        expected[self.unknown] += taken.sum()
        return expected


def discount_of(discount: float, vocabulary: Vocabulary, train: Ids, known: int = 0) -> Discount | None:
    """Return the shares of words for a training split; None without a discount, or where sub-words spell every word.

    The first `known` words are those of a base model, which has read them elsewhere: they keep their whole counts.
    Markers and punctuation do so, too.
    """
    if not discount or vocabulary.spells:
        return None
    counts = np.bincount(train, minlength=len(vocabulary))
    shares = (discount / np.maximum(counts, 1)).astype(np.float32)
    shares[:known] = 0
    for token in (*MARKERS, *PUNCTUATION, UNKNOWN, DOCUMENT):
        if token in vocabulary:
            shares[vocabulary.id_of(token)] = 0
    return Discount(vocabulary.unknown, shares)


def spelled_out(train: Ids, vocabulary: Vocabulary, discount: float, seed: int, known: int = 0) -> Ids:
    """Return a training split with `discount` occurrences of each word spelled with sub-words, at random places.

    One occurrence of a word at least stays whole. With 1.3, three words in ten have two spelled occurrences, the others
    one. The first `known` words are those of a base model, which stay whole, as do all words of a closed vocabulary.
    """
    if not discount or not vocabulary.spells:
        return train
    random = np.random.default_rng(seed)
    counts = np.bincount(train, minlength=len(vocabulary))
    spelled = np.minimum(np.floor(discount + random.random(len(counts))), counts - 1)
    spelled[:known] = 0
    shuffled = random.permutation(len(train))
    by_word = shuffled[np.argsort(train[shuffled], kind="stable")]
    rank = np.arange(len(train)) - (np.cumsum(counts) - counts)[train[by_word]]
    places = np.sort(by_word[rank < spelled[train[by_word]]])
    whole, *others = np.split(train, places)
    pieces = {number: vocabulary.shorter_pieces(number) for number in set(train[places].tolist())}
    return np.concatenate([whole, *(part for other in others for part in (pieces[int(other[0])], other[1:]))])


def without_unseen(weights: Mapping[str, Floats], train: Ids, base: Floats | None = None) -> dict[str, Floats]:
    """Return the weights with the mean vector of the rarest tokens for those that the training split does not have.

    `base` holds the vectors of the model that training started from; what that model has read is kept. The tokens that
    it has not read have one vector.

    Where word vectors are tied, training only pushes such a vector away from whatever it predicts. Read as an input
    such a vector can derail the network for thousands of tokens. The mean is short, and as improbable as a token that
    training has hardly read.
    """
    counts = np.bincount(train, minlength=len(weights["output/bias"]))
    unseen, rarest = counts == 0, counts == counts[counts > 0].min()
    if base is not None:
        _, number, equal = np.unique(base, axis=0, return_inverse=True, return_counts=True)
        unseen[: len(base)] &= equal[number] > 1
    embedding, bias = weights["embedding"].copy(), weights["output/bias"].copy()
    embedding[unseen] = embedding[rarest].mean(axis=0)
    bias[unseen] = np.minimum(bias[unseen], bias[rarest].min())
    return {**weights, "embedding": embedding, "output/bias": bias}
