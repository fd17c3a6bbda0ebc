"""Nats per character: perplexities of different vocabularies do not compare, these figures do."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from scriptmodel_trainer.corpus.exact import exact_text
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.records import Validation

CODES = 0x110000
"""Characters of Unicode: any of them may be in a word."""
END = ""
_ORDER = 3  # characters of context
_CHUNK = 1 << 16  # tokens that are encoded at once
_WEIGHT = 3.0  # of the shorter context, in observations of a character


class Speller:
    """A distribution over all words, letter by letter, learned from the words of a vocabulary.

    Each character, or the end of the word, is predicted from the three before it; longer contexts are smoothed with
    shorter ones, and those with the uniform distribution over Unicode, so every word has a probability and the
    probabilities of all words sum to one.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._totals: Counter[str] = Counter()
        for word in words:
            for context, character in _steps(word):
                for start in range(len(context) + 1):
                    self._counts[context[start:], character] += 1
                    self._totals[context[start:]] += 1

    def probability(self, context: str, character: str) -> float:
        """Return the probability of a character, or of END, after at most three characters."""
        uniform = 0.5 if character == END else 0.5 / CODES
        shorter = self.probability(context[1:], character) if context else uniform
        return (self._counts[context, character] + _WEIGHT * shorter) / (self._totals[context] + _WEIGHT)

    def nats(self, word: str) -> float:
        """Return -ln p of a word, its end included."""
        return -sum(math.log(self.probability(context, character)) for context, character in _steps(word))


def _steps(word: str) -> Iterable[tuple[str, str]]:
    """Yield each character of a word and its end, with the context before it; a newline stands for the beginning."""
    padded = f"\n{word}"
    for place in range(1, len(padded) + 1):
        yield padded[max(0, place - _ORDER) : place], padded[place : place + 1] or END


def per_character(perplexity: float, count: int, tokens: Sequence[str], vocabulary: Vocabulary) -> float | None:
    """Return nats per character of a text with that perplexity; None if the perplexity is infinite.

    `tokens` are the text's own, unknown ones too, `count` is how many tokens of the vocabulary they are: sub-words are
    more.
    """
    if not 0 < perplexity < math.inf:
        return None
    return nats_per_character(math.log(perplexity) * count, tokens, vocabulary)


def validation_of(perplexity: float, count: int, tokens: Sequence[str], vocabulary: Vocabulary) -> Validation:
    """Return the digest of a validation text and its nats per character, given what `per_character` takes."""
    if vocabulary.exact:  # sub-words depend on the training text
        pieces: Iterable[str] = [exact_text(tokens)]
    else:
        pieces = ("\0".join((*tokens[start : start + _CHUNK], "")) for start in range(0, len(tokens), _CHUNK))
    text = hashlib.sha256()
    for piece in pieces:
        text.update(piece.encode("utf-8", errors="surrogatepass"))
    return Validation(text.hexdigest(), per_character(perplexity, count, tokens, vocabulary))


def nats_per_character(nats: float, tokens: Sequence[str], vocabulary: Vocabulary) -> float:
    """Return nats per character of a text, charged in full, given -ln p of all of its tokens.

    The text is what its tokens render to, line breaks and speakers' names included, in the layout `exact` the file
    itself. A word outside the vocabulary costs the token `<unk>` and its spelling, unless sub-words have spelled it.
    Other sequences of tokens may render to the same text, so this is an upper bound.
    """
    if vocabulary.exact:
        return nats / max(1, len(exact_text(tokens)))
    return (nats + _spelling(tokens, vocabulary)) / max(1, len(detokenize(tokens)))


def _spelling(tokens: Sequence[str], vocabulary: Vocabulary) -> float:
    if vocabulary.spells:
        return 0.0
    speller = Speller(word for word in vocabulary.words if not word.startswith("<"))
    known: dict[str, float] = {}
    spelled = 0.0
    for token in tokens:
        if token not in vocabulary:
            if token not in known:
                known[token] = speller.nats(token)
            spelled += known[token]
    return spelled
