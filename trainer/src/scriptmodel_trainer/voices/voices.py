"""Whose speech a speech sounds like: the characters and the authors of a corpus, and how usual it is beside them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scriptmodel_trainer.corpus.speeches import Speech
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.voices.letters import ORDER, Alphabet, Codes, Doubles, LetterModel
from scriptmodel_trainer.voices.speeches import Masked

LEAST_WORDS = 500
"""Words that a character must have said to be known by the voice."""
_LETTERS_OF_A_CHARACTER, _LETTERS_OF_AN_AUTHOR = 12_000, 200_000
"""Letters of each that are compared: who says more is not likelier for it."""
_SHARE_OF_ALL = 0.5
"""Weight of the model of the whole corpus in each mixture, which smooths the model of one voice."""
_SPREAD = (0.03, 0.15)
"""Shares of the corpus' own speeches that are as unusual: below them a speech is `very unusual`, `unusual`."""
_LENGTHS = (40, 120)
"""Letters at which the next class of lengths begins; a short speech varies more."""
_SURE, _LIKELY = 9.0, 3.0
"""Nats by which a voice is ahead of the next one, from which on it is so `clearly`, or `rather`."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """The voice that a text is most like, and by how many nats it is ahead of the next one."""

    voice: str
    ahead: float
    next: str

    @property
    def how(self) -> str:
        return "clearly" if self.ahead >= _SURE else "rather" if self.ahead >= _LIKELY else "perhaps"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is found of some speeches: log probabilities by character and by author, (speeches, voices) each."""

    characters: Doubles
    authors: Doubles
    letters: Doubles
    """Nats per letter of each speech, by the model of all of the corpus."""
    usual: tuple[str, ...]
    """`usual`, `unusual` or `very unusual`, for each."""


class Voices:
    """The characters and authors of a corpus."""

    def __init__(self, corpus: Sequence[Speech], masked: Masked) -> None:
        """Raise BadInputError if nobody in the corpus says enough."""
        texts = [masked(each.text) for each in corpus]
        self._alphabet, self._masked = Alphabet([text.lower() for text in texts]), masked
        encoded = [self._alphabet.encode(text) for text in texts]
        halves = LetterModel(encoded[::2]), LetterModel(encoded[1::2] or encoded)
        self._all = LetterModel(encoded)
        self._bounds = _bounds(encoded, halves)
        by_character, by_author = (
            _grouped(corpus, encoded, _character),
            _grouped(corpus, encoded, lambda each: each.author),
        )
        said = defaultdict[str, int](int)
        for each in corpus:
            said[_character(each)] += len(each.words)
        known = {name: found for name, found in by_character.items() if said[name] >= LEAST_WORDS}
        if not known:
            most = max(said.values(), default=0)
            problem = (
                f"no character of the plays says {LEAST_WORDS} words, by which a voice is known; the most are {most}"
            )
            raise BadInputError(problem, "give more plays with --with")
        self.characters = tuple(known)
        self.authors = tuple(by_author) if len(by_author) > 1 else ()
        self._characters = [LetterModel(_evenly(each, _LETTERS_OF_A_CHARACTER)) for each in known.values()]
        self._authors = [LetterModel(_evenly(by_author[name], _LETTERS_OF_AN_AUTHOR)) for name in self.authors]

    def hear(self, speeches: Sequence[str]) -> Comparison:
        """Return what each speech is like."""
        encoded = [self._alphabet.encode(self._masked(each)) for each in speeches]
        all_of_it = np.concatenate(encoded)
        common = self._all.probabilities(all_of_it)

        def scored(models: Sequence[LetterModel]) -> Doubles:
            mixed = (
                np.log(_SHARE_OF_ALL * common + (1 - _SHARE_OF_ALL) * model.probabilities(all_of_it))
                for model in models
            )
            return (
                np.stack([_summed(each, encoded) for each in mixed], axis=1) if models else np.zeros((len(encoded), 0))
            )

        letters = -_summed(np.log(common), encoded) / np.array([len(each) - ORDER + 1 for each in encoded])
        usual = tuple(self._usual(len(code), cost) for code, cost in zip(encoded, letters, strict=True))
        return Comparison(scored(self._characters), scored(self._authors), letters, usual)

    def _usual(self, length: int, cost: float) -> str:
        very, rather = self._bounds[_class_of(length)]
        return "very unusual" if cost > very else "unusual" if cost > rather else "usual"


def likeness(names: Sequence[str], scores: Doubles) -> Likeness | None:
    """Return the likeliest of the names, given the log probability of a text by each; None for fewer than two."""
    if len(names) < 2:
        return None
    best, second = np.argsort(-scores, kind="stable")[:2]
    return Likeness(names[best], float(scores[best] - scores[second]), names[second])


def _character(speech: Speech) -> str:
    return f"{speech.speaker} ({speech.play})"


def _grouped(
    corpus: Sequence[Speech], encoded: Sequence[Codes], key: Callable[[Speech], str]
) -> dict[str, list[Codes]]:
    found = defaultdict[str, list[Codes]](list)
    for speech, codes in zip(corpus, encoded, strict=True):
        if name := key(speech):
            found[name].append(codes)
    return found


def _evenly(speeches: Sequence[Codes], letters: int) -> list[Codes]:
    """Return speeches from everywhere that have about so many letters together, all of them if they have fewer."""
    total = sum(map(len, speeches))
    step = max(1.0, total / letters)
    return [speeches[int(number * step)] for number in range(int(len(speeches) / step))] or list(speeches[:1])


def _summed(values: Doubles, encoded: Sequence[Codes]) -> Doubles:
    """Return the sum of the values over the letters of each text, without those that only lead into it."""
    sums: Doubles = np.concatenate(([0.0], np.cumsum(values)))
    ends = np.cumsum([len(each) for each in encoded]) - ORDER + 1
    starts = ends - np.array([len(each) for each in encoded]) + ORDER - 1
    found: Doubles = sums[ends] - sums[starts]
    return found


def _class_of(length: int) -> int:
    return sum(length >= bound for bound in _LENGTHS)


def _bounds(encoded: Sequence[Codes], halves: tuple[LetterModel, LetterModel]) -> list[tuple[float, float]]:
    """Return the nats per letter above which a speech is very unusual or unusual, for each class of lengths.

    Each half of the corpus' own speeches is measured by the model of the other one.
    """
    costs = defaultdict[int, list[float]](list)
    for own, model in ((encoded[::2], halves[1]), (encoded[1::2], halves[0])):
        if own:
            letters = -_summed(np.log(model.probabilities(np.concatenate(own))), own)
            for code, cost in zip(own, letters, strict=True):
                costs[_class_of(len(code))].append(cost / (len(code) - ORDER + 1))
    everything = [cost for each in costs.values() for cost in each]
    found = (costs[kind] or everything for kind in range(len(_LENGTHS) + 1))
    return [tuple(float(np.quantile(each, 1 - share)) for share in _SPREAD) for each in found]  # type: ignore[misc]  # two shares
