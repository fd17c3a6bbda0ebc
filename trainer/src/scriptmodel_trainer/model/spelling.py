"""Words of the training text that are read spelled, so that training learns how new words are.

A vocabulary holds the frequent words of its training text, so it spells less there than in other text. With
`subword_discount` so many occurrences of each word are spelled, at random places.
"""

from collections.abc import Mapping

import numpy as np

from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats, Ids

_LESS = np.float32(3.0)  # nats


def spelled_out(train: Ids, vocabulary: Vocabulary, discount: float, seed: int, known: int = 0) -> Ids:
    """Return a training split with `discount` occurrences of each word spelled with sub-words, at random places.

    One occurrence of a word at least stays whole. With 1.3, three words in ten have two spelled occurrences, the others
    one. The first `known` words are those of a base model, which stay whole.
    """
    if not discount:
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
    such a vector can derail the network for thousands of tokens. The mean is short, and twenty times less probable than
    a token that training has hardly read, for there are hundreds of them.
    """
    counts = np.bincount(train, minlength=len(weights["output/bias"]))
    unseen, rarest = counts == 0, counts == counts[counts > 0].min()
    if base is not None:
        _, number, equal = np.unique(base, axis=0, return_inverse=True, return_counts=True)
        unseen[: len(base)] &= equal[number] > 1
    embedding, bias = weights["embedding"].copy(), weights["output/bias"].copy()
    embedding[unseen] = embedding[rarest].mean(axis=0)
    bias[unseen] = np.minimum(bias[unseen], bias[rarest].min() - _LESS)
    return {**weights, "embedding": embedding, "output/bias": bias}
