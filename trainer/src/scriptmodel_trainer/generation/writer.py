"""Writes one script: the network scores each next token, the grammar restricts it, the word limit ends the script."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scriptmodel_trainer.arrays import Floats
from scriptmodel_trainer.corpus.tokens import (
    CLOSE_BRACKET,
    CLOSE_NAME,
    CLOSE_QUOTE,
    OPEN_BRACKET,
    OPEN_NAME,
    OPEN_QUOTE,
    name_token,
)
from scriptmodel_trainer.corpus.words import split_words
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.caches import CacheSettings
from scriptmodel_trainer.generation.grammar import Grammar, Kind, Place, cost, kind_of, kind_of_piece
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.generation.readers import reader_of
from scriptmodel_trainer.generation.rendering import render
from scriptmodel_trainer.generation.sampling import COMMON, MEMORY, Sampling, choose, penalise
from scriptmodel_trainer.generation.streams import Stream, run_alone, run_together
from scriptmodel_trainer.vocabulary import Vocabulary

_GROUPS = {
    **dict.fromkeys("[(", OPEN_BRACKET),
    **dict.fromkeys("])", CLOSE_BRACKET),
    "“": OPEN_QUOTE,
    "”": CLOSE_QUOTE,
}


_LONGEST_WORD = 8  # sub-words


@dataclass(frozen=True, slots=True)
class Opening:
    """Start of a script: a speaker's name and words; either may be empty."""

    speaker: str = ""
    prompt: str = ""


def enough_of(words: int) -> int:
    """Return after how many words a script ends at the first chance: sentences end by themselves often enough."""
    return words - min(60, max(words // 8, 4))


class Writer:
    """Writes scripts with one model, and a neural cache of what it has written if `cache` is given."""

    def __init__(self, network: Network, vocabulary: Vocabulary, cache: CacheSettings | None = None) -> None:
        self._network = network
        self._cache = cache
        self._vocabulary = vocabulary
        kinds = list(map(kind_of_piece if vocabulary.spells else kind_of, vocabulary.words))
        self._kinds = kinds
        numbered = np.array(kinds)
        self._members = {kind: np.flatnonzero(numbered == kind) for kind in Kind}
        names = [number for number in sorted(vocabulary.name_starts) if kinds[number] is not Kind.UNWRITTEN]
        self._members[Kind.NAME] = np.array(names, np.int64)
        self._grammar = Grammar(frozenset(kind for kind, numbers in self._members.items() if len(numbers)))
        self._penalised = np.isin(numbered, (Kind.WORD, Kind.CLITIC))
        self._penalised[:COMMON] = False
        self._masks: dict[frozenset[Kind], Floats] = {}
        # A trained cache repeats recent names, and a script starts with one. So a speech is followed by one of another
        # speaker, unless a direction comes between.
        self._changes_speakers = bool(network.cache) and not vocabulary.spells and len(names) > 1

    def write(self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening) -> list[str]:
        """Return tokens of a whole, well-formed script of at most `words` words as `wc -w` counts its rendered text.

        Raises BadInputError if so few words cannot hold a script, or the opening does not fit.
        """
        reader = reader_of(self._network, self._cache, sampling.temperature)
        return run_alone(reader, self._stream(words, sampling, seed, opening))

    def write_together(
        self, words: int, sampling: Sampling, seeds: Sequence[Sequence[int]], opening: Opening
    ) -> list[list[str]]:
        """Return a script for each seed, written together: much faster than one after another.

        The script of a seed does not depend on the others, but sums are rounded in another order than in `write`, so
        it may differ from the one written alone where two words are all but equally likely. A trained cache takes part.
        """
        streams = [self._stream(words, sampling, seed, opening) for seed in seeds]
        return run_together(self._network, streams, sampling.temperature)

    def _stream(self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening) -> Stream[list[str]]:
        """Write one script: yields the number of each token and is sent the logits after it."""
        if Kind.WORD not in self._grammar.kinds:
            raise BadInputError("the model knows no words", "train it on a larger corpus")
        page = _Page(self._vocabulary, self._grammar, words)
        random = np.random.default_rng(seed)
        least, _ = self._grammar.to_end(page.position)
        if words < least:
            raise BadInputError(f"--words {words} is too few", f"the shortest script has {least}", parameter="words")
        page.logits = yield self._vocabulary.first
        yield from self._open(page, opening, sampling, random)
        enough = enough_of(words)
        while not (page.position.final and (page.used >= enough or page.left == 0)):
            yield from self._next(page, sampling, random, self._allowed(page))
        return self._vocabulary.joined(page.script)

    def text(self, script: Sequence[str]) -> str:
        """Return the text of the tokens of a script."""
        return render(script)

    def understood(self, opening: Opening) -> Opening:
        """Return the opening with a speaker's name at the beginning of the prompt (`HAMLET: To be`) as its speaker.

        Only a name that the model knows is one, and only if no other speaker is given.
        """
        name, colon, words = opening.prompt.partition(":")
        speaker = self._speaker_named(name) if colon and self._grammar.has_names else None
        if speaker is None:
            return opening
        if opening.speaker and self._speaker_named(opening.speaker) != speaker:
            return opening
        return Opening(speaker, words.strip())

    def unknown_words(self, opening: Opening) -> list[str]:
        """Return the words of the prompt that the model neither knows nor spells, each once."""
        if self._vocabulary.spells:
            return []
        words = [piece for piece in split_words(opening.prompt) if kind_of(piece) in (Kind.WORD, Kind.CLITIC)]
        return [word for word in dict.fromkeys(words) if word not in self._vocabulary]

    def _open(self, page: _Page, opening: Opening, sampling: Sampling, random: np.random.Generator) -> Stream[None]:
        if opening.speaker and not self._grammar.has_names:
            raise BadInputError("this model's corpus has no speakers", "leave out --speaker", parameter="speaker")
        if self._grammar.has_names and (opening.speaker or opening.prompt):
            yield from self._force(page, [OPEN_NAME])
            if opening.speaker:
                yield from self._force(page, [self._known_speaker(opening.speaker)])
            else:
                yield from self._next(page, sampling, random, frozenset((Kind.NAME,)))
            yield from self._force(page, [CLOSE_NAME])
        for piece in split_words(opening.prompt):
            quoting = any(group is Kind.OPEN_QUOTE for group, _ in page.position.groups)
            token = ("”" if quoting else "“") if piece == '"' else piece
            yield from self._force(page, [_GROUPS.get(token, token)])

    def _known_speaker(self, name: str) -> str:
        known = self._speaker_named(name)
        if known is not None:
            return known
        token = name_token(name)
        if self._vocabulary.spells and token:
            return token
        speakers = self._speakers
        folded = {speaker.casefold(): speaker for speaker in reversed(speakers)}
        near = [folded[match] for match in difflib.get_close_matches(token.casefold(), folded, n=3)]
        meant = f" (did you mean {' or '.join(near)}?)" if near else ""
        more = " ..." if len(speakers) > 12 else ""
        raise BadInputError(
            f'unknown speaker "{name}"{meant}',
            f"the model knows {', '.join(speakers[:12])}{more}",
            parameter="speaker",
        )

    def _speaker_named(self, name: str) -> str | None:
        """Return the speaker of that name as the model spells it, None if the model knows none."""
        token = name_token(name)
        alike = [speaker for speaker in self._speakers if speaker.casefold() == token.casefold()]
        if not alike:
            return None
        return token if token in alike else alike[0]

    @property
    def _speakers(self) -> list[str]:
        """Names that the model knows, most frequent first."""
        return [name for name in self._vocabulary.names if kind_of(name) is not Kind.UNWRITTEN]

    def _force(self, page: _Page, tokens: Sequence[str]) -> Stream[None]:
        """Put given tokens on the page; marks that the grammar forbids there are left out, words never are."""
        for token in tokens:
            kind = Kind.NAME if page.position.place is Place.NAME else kind_of(token)
            if kind is Kind.CLITIC and not self._grammar.allows(page.position, kind):
                kind = Kind.WORD
            if not self._grammar.allows(page.position, kind):
                continue
            for piece in self._vocabulary.pieces(token):
                page.logits = yield page.put(piece, kind)
                kind = Kind.CONTINUATION
            if page.left < self._grammar.to_end(page.position)[0]:
                hint = "ask for more --words or shorten the prompt"
                raise BadInputError("the prompt does not fit", hint, parameter="prompt")

    def _allowed(self, page: _Page) -> frozenset[Kind]:
        """Return kinds that may come next and leave enough of the budget to close everything."""
        allowed = self._grammar.allowed(page.position)
        if page.pieces >= _LONGEST_WORD:
            allowed -= {Kind.CONTINUATION}
        if page.left > 16:
            return allowed
        return frozenset(kind for kind in allowed if self._affordable(page, kind))

    def _affordable(self, page: _Page, kind: Kind) -> bool:
        after = self._grammar.advance(page.position, kind)
        pieces, steps = self._grammar.to_end(after)
        need = cost(page.position, kind) + pieces
        if page.left > need:
            return True
        # With nothing to spare, only the rest of a word or a step on a shortest way to the end.
        return page.left == need and (kind is Kind.CONTINUATION or steps < self._grammar.to_end(page.position)[1])

    def _next(
        self, page: _Page, sampling: Sampling, random: np.random.Generator, allowed: frozenset[Kind]
    ) -> Stream[None]:
        logits = page.logits + self._mask(allowed)
        recent = np.fromiter(page.recent, np.int32, len(page.recent))
        penalise(logits, recent[self._penalised[recent]], sampling)
        in_name = page.position.place is Place.NAME
        if in_name and page.speaker is not None and self._changes_speakers:
            logits[page.speaker] = -np.inf
        number = choose(logits, sampling, random)
        kind = Kind.NAME if in_name else self._kinds[number]
        page.logits = yield page.put(self._vocabulary.words[number], kind)

    def _mask(self, allowed: frozenset[Kind]) -> Floats:
        mask = self._masks.get(allowed)
        if mask is None:
            mask = np.full(len(self._vocabulary), -np.inf, np.float32)
            for kind in allowed:
                mask[self._members[kind]] = 0
            self._masks[allowed] = mask
        return mask


class _Page:
    """The script so far, with the grammar's state and the network's logits after it."""

    def __init__(self, vocabulary: Vocabulary, grammar: Grammar, budget: int) -> None:
        self.script: list[str] = []
        self.logits: Floats = np.zeros(len(vocabulary), np.float32)
        self.position = grammar.start
        self.recent: deque[int] = deque(maxlen=MEMORY)
        self.used = 0
        self.pieces = 0  # of the present word
        self.speaker: int | None = None  # of the last speech, unless a direction followed
        self._budget = budget
        self._vocabulary = vocabulary
        self._grammar = grammar

    @property
    def left(self) -> int:
        """Words that may still be written."""
        return self._budget - self.used

    def put(self, token: str, kind: Kind) -> int:
        """Write one token down; returns its number, which the network reads next."""
        self.used += cost(self.position, kind)
        self.pieces = self.pieces + 1 if kind is Kind.CONTINUATION else 1
        self.position = self._grammar.advance(self.position, kind)
        self.script.append(token)
        number = self._vocabulary.id_of(token)
        if kind in (Kind.WORD, Kind.CLITIC):
            self.recent.append(number)
        elif kind is Kind.NAME:
            self.speaker = number
        elif kind is Kind.OPEN_EXPOSITION:
            self.speaker = None
        return number
