"""What may come next on a page: kinds by the grammar and the word limit, words by names, capitals and cast."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from scriptmodel_trainer.artifacts.description import Play
from scriptmodel_trainer.corpus.tokens import CLOSE_NAME
from scriptmodel_trainer.generation.casting import Cast, one_form
from scriptmodel_trainer.generation.grammar import Grammar, Kind, Place, cost, kind_of, plain_kind_of
from scriptmodel_trainer.generation.page import Names, Page
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.verse import Lines, is_small
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats, Ids

_LONGEST_ASIDE = 60  # tokens; a network forgets that a bracket, a quote or a direction is open
_CLOSERS = (Kind.CLOSE_QUOTE, Kind.CLOSE_BRACKET, Kind.CLOSE_EXPOSITION)
_SPEECH_ENDS = (Kind.OPEN_NAME, Kind.OPEN_EXPOSITION)
_WITHIN = (Kind.WORD, Kind.CLITIC, Kind.COMMA, Kind.DASH)  # a sentence


class Choices:
    """The tokens of one model that may come next; each token of its vocabulary has one of `kinds`."""

    def __init__(self, network: Network, vocabulary: Vocabulary, plays: Sequence[Play], lines: Lines) -> None:
        self._network, self._vocabulary, self._lines = network, vocabulary, lines
        # Only whole words of the corpus are written: sub-words might form words that nobody wrote.
        kind = plain_kind_of if vocabulary.plain else kind_of
        self.kinds = [kind(word) if vocabulary.is_word(word) else Kind.UNWRITTEN for word in vocabulary.words]
        numbered = np.array(self.kinds)
        self._members = {kind: np.flatnonzero(numbered == kind) for kind in Kind}
        # In ascending order the most frequent names are first.
        whole = (vocabulary.words[at] for at in sorted(vocabulary.speakers) if self.kinds[at] != Kind.UNWRITTEN)
        names = [vocabulary.id_of(name) for name in one_form(whole)]
        self._members[Kind.NAME] = np.array(names, np.int64)
        self._openings = np.array(self.numbers(lines.openings), np.int64)
        words = self._members[Kind.WORD].tolist()
        small = [number for number in words if is_small(vocabulary.words[number])]
        self._small = np.array(small if len(small) < len(words) else [], np.int64)
        spoken = [number for number in words if "_" not in vocabulary.words[number]]  # others are names of cues
        self._members[Kind.WORD] = np.array(spoken, np.int64)
        self.grammar = Grammar(frozenset(kind for kind, numbers in self._members.items() if len(numbers)))
        self._joins = np.array([piece.count("_") for piece in vocabulary.words])  # further words that a name gets
        self._masks: dict[frozenset[Kind], Floats] = {}
        self._never: dict[int, Ids] = {}  # after each token
        # A speech is followed by one of another speaker, unless a direction comes between.
        self._changes_speakers = len(names) > 1
        in_plays = Counter(name for play in plays for name in play.speakers if vocabulary.is_word(name))
        # The network knows how often `ALL` speaks in all plays; a cast is that of one of them.
        self._elsewhere = np.zeros(len(vocabulary), np.float32)
        self._elsewhere[[vocabulary.id_of(name) for name in in_plays]] = np.log([*in_plays.values()])

    def of_page(self, page: Page) -> Floats:
        """Return the logits of a page, minus infinity for what may not come next."""
        in_name = page.position.place is Place.NAME
        if page.names and page.position.place in (Place.NAME, Place.NAMED):
            logits = page.logits + self._only(page.names)
            logits -= self._elsewhere if in_name else 0
        else:
            allowed = self._mask(self._allowed(page))
            logits = page.logits + allowed
            self._spell(page, logits)
            if page.position.place in (Place.NAME, Place.NAMED):
                logits[self._joins > page.left - self.grammar.to_end(page.position)[0]] = -np.inf
            if logits.max() == -np.inf:  # none of the words that fit is known
                logits = page.logits + allowed
        if in_name and self._changes_speakers and page.speaker is not None and (logits > -np.inf).sum() > 1:
            logits[page.speaker] = -np.inf  # somebody else speaks
        return logits

    def kind_on(self, page: Page, number: int) -> Kind:
        """Return the kind of a token in its place on a page."""
        kind = Kind.NAME if page.position.place is Place.NAME else self.kinds[number]
        if page.names and page.position.place is Place.NAMED and kind is not Kind.CLOSE_NAME:
            return Kind.CONTINUATION  # a byte of a name, too
        return kind

    def _allowed(self, page: Page) -> frozenset[Kind]:
        """Return kinds that may come next and leave enough of the budget to close everything."""
        allowed = self.grammar.allowed(page.position)
        if page.left <= 16 + page.longest_name:
            allowed = frozenset(kind for kind in allowed if self._affordable(page, kind))
        if page.aside >= _LONGEST_ASIDE and not allowed.isdisjoint(_CLOSERS):
            return allowed & {*_CLOSERS, Kind.CLITIC}
        if page.turns and Kind.OPEN_NAME in allowed:
            return allowed.intersection(_SPEECH_ENDS)
        if page.titled and Kind.WORD in allowed:
            return allowed & {Kind.WORD}
        if page.silent:  # one aside before the first word; the corpus may have two, and two lead to ten
            more = () if page.script[-1] == CLOSE_NAME else (Kind.OPEN_BRACKET,)
            return allowed.difference(_SPEECH_ENDS, more) or allowed
        return allowed

    def _affordable(self, page: Page, kind: Kind) -> bool:
        after = self.grammar.advance(page.position, kind)
        pieces, steps = self.grammar.to_end(after)
        need = cost(page.position, kind) + pieces + (page.longest_name if kind is Kind.OPEN_NAME else 0)
        if page.left > need:
            return True
        # With nothing to spare, only a step on a shortest way to the end.
        return page.left == need and steps < self.grammar.to_end(page.position)[1]

    def _spell(self, page: Page, logits: Floats) -> None:
        """Leave out words with a capital or without one that may not be here, and the names of other people."""
        if not page.begins_line and page.position.sentence and page.position.last in _WITHIN:
            logits[self._openings] = -np.inf
        if page.needs_capital:
            logits[self._small] = -np.inf
        logits[page.strangers] = -np.inf
        logits[self._never_after(page.last)] = -np.inf
        if page.titled and page.proper and not page.script[-1].isupper():  # a number follows `ACT`
            logits += self._only(page.proper)

    def _never_after(self, last: int) -> Ids:
        """Return the tokens that the corpus never has after a token, though it often has both."""
        if self._network.trigrams is None:
            return np.zeros(0, np.int32)
        if last not in self._never:
            self._never[last] = self._network.trigrams.never_after(last)
        return self._never[last]

    def numbers(self, words: Iterable[str]) -> list[int]:
        """Return the numbers of those words that the model knows."""
        return [self._vocabulary.id_of(word) for word in words if self._vocabulary.is_word(word)]

    def names_of(self, cast: Cast) -> Names:
        """Return the names of a cast as the numbers that spell them and the closing marker."""
        names: Names = {}
        for name in cast.names:
            node = names
            for piece in (*self._vocabulary.pieces(cast.voice(name)), CLOSE_NAME):
                node = node.setdefault(self._vocabulary.id_of(piece), {})
        return names

    def _only(self, numbers: Iterable[int]) -> Floats:
        mask = np.full(len(self._vocabulary), -np.inf, np.float32)
        mask[list(numbers)] = 0
        return mask

    def _mask(self, allowed: frozenset[Kind]) -> Floats:
        mask = self._masks.get(allowed)
        if mask is None:
            numbers = [number for kind in allowed for number in self._members[kind].tolist()]
            mask = self._masks[allowed] = self._only(numbers)
        return mask
