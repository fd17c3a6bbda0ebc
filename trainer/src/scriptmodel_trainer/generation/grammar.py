"""A finite automaton over the markers: which kind of token may come next, and what a script still needs to be whole.

A script is a sequence of speeches (`<boname> NAME <eoname>` and sentences) and expositions (`<open-exp>` sentences
`<close-exp>`); brackets and quotes nest inside them, one of each at most; a sentence has words before its ender.
Plain text is lines of words and marks.
"""

import enum
import heapq
import itertools
from dataclasses import dataclass, field, replace

from scriptmodel_trainer.corpus import plain, tokens
from scriptmodel_trainer.corpus.words import APHAERESIS
from scriptmodel_trainer.model.subwords import is_word


class Kind(enum.IntEnum):
    """The role of a token in the grammar."""

    WORD = 0
    CLITIC = 1  # attaches to the word before it
    COMMA = 2
    DASH = 3
    ENDER = 4
    OPEN_BRACKET = 5
    CLOSE_BRACKET = 6
    OPEN_QUOTE = 7
    CLOSE_QUOTE = 8
    OPEN_NAME = 9
    CLOSE_NAME = 10
    OPEN_EXPOSITION = 11
    CLOSE_EXPOSITION = 12
    NAME = 13  # a word in the place of a name
    UNWRITTEN = 14  # sub-words, and what a text in tokens uses for ends of sentences, brackets and quotes
    CONTINUATION = 15  # a sub-word that continues a given word or name, and changes no state
    # Of plain text alone, in which a comma is any mark that touches what it follows.
    MARK = 16
    LINE_END = 17
    GAP = 18  # one space more or less than usual
    CASE = 19  # of the next word


_KINDS = {
    **dict.fromkeys(tokens.ENDERS, Kind.ENDER),
    **dict.fromkeys((",", ";", ":"), Kind.COMMA),
    "--": Kind.DASH,
    tokens.OPEN_BRACKET: Kind.OPEN_BRACKET,
    tokens.CLOSE_BRACKET: Kind.CLOSE_BRACKET,
    tokens.OPEN_QUOTE: Kind.OPEN_QUOTE,
    tokens.CLOSE_QUOTE: Kind.CLOSE_QUOTE,
    tokens.OPEN_NAME: Kind.OPEN_NAME,
    tokens.CLOSE_NAME: Kind.CLOSE_NAME,
    tokens.OPEN_EXPOSITION: Kind.OPEN_EXPOSITION,
    tokens.CLOSE_EXPOSITION: Kind.CLOSE_EXPOSITION,
    tokens.DOCUMENT: Kind.UNWRITTEN,
}


def without_brackets(word: str) -> str:
    """Return a word as it may stand on a page, where brackets and double quotes are the structure's alone."""
    return word.translate(_BRACKETS)


_BRACKETS = dict.fromkeys(map(ord, '[](){}"“”'))


def kind_of(word: str) -> Kind:
    """Return the kind of a token outside the place of a name."""
    kind = _KINDS.get(word)
    if kind is not None:
        return kind
    written = word.isprintable() and not word.startswith("<")  # a terminal would obey an escape
    if not written or not without_brackets(word).strip(".?!…,;:"):
        return Kind.UNWRITTEN
    if word == "n't" or (word[0] == "'" and word.lower() not in APHAERESIS_ALONE):
        return Kind.CLITIC
    return Kind.WORD


def plain_kind_of(token: str) -> Kind:
    """Return the kind of a token of plain text."""
    if token in plain.STRUCTURE:
        return Kind.GAP if token in plain.GAPS else Kind.CASE
    if token in plain.LINE_ENDS:
        return Kind.LINE_END
    if not token.isprintable() or " " in token or (len(token) > 1 and "<" in token):
        return Kind.UNWRITTEN  # bytes may be half a character or an escape that a terminal obeys
    if is_word(token):
        return Kind.WORD
    return Kind.COMMA if token in plain.ATTACHED else Kind.MARK


# Clitics among the words that lose their first letters attach all the same.
APHAERESIS_ALONE = APHAERESIS - frozenset(["'d", "'ll", "'s", "'re", "'ve", "'t", "'ud", "'er"])


class Place(enum.Enum):
    """The position in the structure of the script."""

    OUTSIDE = "outside"  # between speeches and expositions
    NAME = "name"  # after <boname>
    NAMED = "named"  # after the name
    SPEECH = "speech"
    EXPOSITION = "exposition"
    PLAIN = "plain text"


_OPENERS = (Kind.OPEN_BRACKET, Kind.OPEN_QUOTE)
_CLOSERS = (Kind.CLOSE_BRACKET, Kind.CLOSE_QUOTE)


@dataclass(frozen=True, slots=True)
class GrammarState:
    """A state of the automaton.

    `last` is the kind of the last token, None after what begins a speech or a direction. `groups` are the open brackets
    and quotes, outermost first, each bracket with whether a sentence was open around it; `sentence` is True while a
    sentence has words and no ender; `ended` while the last token that is no closer is an ender with a word before it.
    """

    place: Place
    last: Kind | None = None
    sentence: bool = False
    ended: bool = False
    groups: tuple[tuple[Kind, bool], ...] = ()

    @property
    def final(self) -> bool:
        """True where a script may end: nothing is open and a sentence, or a line of plain text, has just ended."""
        if self.place is Place.PLAIN:
            return self.last is Kind.LINE_END
        return self.ended and self.at_boundary

    @property
    def at_boundary(self) -> bool:
        """True where a speech or exposition may begin."""
        return self.place is Place.OUTSIDE or (self.place is Place.SPEECH and self.complete)

    @property
    def complete(self) -> bool:
        """True where something was said, no sentence is unfinished and no bracket or quote open."""
        ends = self.last in (Kind.ENDER, Kind.CLOSE_EXPOSITION, *_CLOSERS)
        return ends and not self.sentence and not self.groups


@dataclass(frozen=True)
class Grammar:
    """The automaton for a vocabulary: `kinds` are those that it can produce (a script needs names to have speeches)."""

    kinds: frozenset[Kind]
    _allowed: dict[GrammarState, frozenset[Kind]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _distances: dict[GrammarState, tuple[int, int]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def start(self) -> GrammarState:
        """Before the first token; a corpus without speakers is one long speech."""
        if self.is_plain:
            return GrammarState(Place.PLAIN)
        return GrammarState(Place.OUTSIDE if self.has_names else Place.SPEECH)

    @property
    def is_plain(self) -> bool:
        return Kind.LINE_END in self.kinds

    @property
    def has_names(self) -> bool:
        return {Kind.OPEN_NAME, Kind.NAME, Kind.CLOSE_NAME} <= self.kinds

    def allowed(self, at: GrammarState) -> frozenset[Kind]:
        if at not in self._allowed:
            self._allowed[at] = frozenset(kind for kind in self.kinds if _may_follow(at, kind, self.has_names))
        return self._allowed[at]

    def advance(self, at: GrammarState, kind: Kind) -> GrammarState:
        """Return the state after a token of that kind, which must be allowed unless the text is plain."""
        if at.place is Place.PLAIN:
            return GrammarState(Place.PLAIN, kind)
        if kind in _BEGIN:
            return GrammarState(_BEGIN[kind])
        if kind is Kind.CLOSE_EXPOSITION:
            return GrammarState(Place.OUTSIDE if self.has_names else Place.SPEECH, kind, ended=at.ended)
        if kind in _OPENERS:  # what is in brackets is no part of the sentence around it; what is quoted is
            sentence = at.sentence and kind is Kind.OPEN_QUOTE
            return replace(at, last=kind, sentence=sentence, ended=False, groups=(*at.groups, (kind, at.sentence)))
        if kind in _CLOSERS:
            sentence = at.groups[-1][1] if kind is Kind.CLOSE_BRACKET else at.sentence
            return replace(at, last=kind, sentence=sentence, groups=at.groups[:-1])
        sentence = kind in (Kind.WORD, Kind.CLITIC) or (at.sentence and kind is not Kind.ENDER)
        # A sentence that breaks off with a dash has no full stop to end a script with.
        return replace(at, last=kind, sentence=sentence, ended=kind is Kind.ENDER and at.last is not Kind.DASH)

    def to_end(self, at: GrammarState) -> tuple[int, int]:
        """Return what completes the script from here: pieces of text (see `cost`), and tokens to write them."""
        if at not in self._distances:
            self._distances[at] = self._shortest(at)
        return self._distances[at]

    def _shortest(self, start: GrammarState) -> tuple[int, int]:
        """Dijkstra's shortest path to a final position, fewest pieces first, then fewest tokens."""
        order = itertools.count()  # positions cannot be compared
        queue = [(0, 0, next(order), start)]
        seen: set[GrammarState] = set()
        while queue:
            pieces, steps, _, at = heapq.heappop(queue)
            if at.final:
                return pieces, steps
            if at in seen:
                continue
            seen.add(at)
            for kind in self.allowed(at):
                entry = (pieces + cost(at, kind), steps + 1, next(order), self.advance(at, kind))
                heapq.heappush(queue, entry)
        raise AssertionError(f"no way to end a script from {at}")


def cost(at: GrammarState, kind: Kind) -> int:
    """Return pieces of rendered text (as `wc -w` counts) that a token begins at most.

    A word after a dash attaches to it and yet counts, so that no endless script is free of cost.
    """
    if at.place is Place.PLAIN:
        touches = kind is Kind.COMMA and at.last is Kind.WORD
        return 0 if touches or kind in (Kind.LINE_END, Kind.GAP, Kind.CASE) else 1
    if kind is Kind.WORD:
        return 0 if at.last in _OPENERS else 1
    return 0 if kind in ATTACHED else 1


ATTACHED = frozenset((Kind.CLITIC, Kind.COMMA, Kind.DASH, Kind.ENDER, *_CLOSERS))
"""Kinds of tokens that are printed without a space before them."""

_BEGIN = {
    Kind.OPEN_NAME: Place.NAME,
    Kind.NAME: Place.NAMED,
    Kind.CLOSE_NAME: Place.SPEECH,
    Kind.OPEN_EXPOSITION: Place.EXPOSITION,
}
_BREAKS = (Kind.LINE_END, Kind.GAP)
_OF_PLAIN_TEXT = (Kind.WORD, Kind.COMMA, Kind.MARK, Kind.CASE, *_BREAKS)


def _may_follow(at: GrammarState, kind: Kind, has_names: bool) -> bool:
    if at.place is Place.PLAIN:
        if at.last is Kind.CASE:
            return kind is Kind.WORD
        return kind in _OF_PLAIN_TEXT and not (kind in _BREAKS and at.last in (None, *_BREAKS))
    if at.place in (Place.NAME, Place.NAMED):
        return kind is (Kind.NAME if at.place is Place.NAME else Kind.CLOSE_NAME)
    if kind is Kind.OPEN_NAME:
        return has_names and at.at_boundary
    if kind is Kind.OPEN_EXPOSITION:
        return at.at_boundary or (not has_names and at.last is None and at.place is Place.SPEECH)
    spoken = at.last in (Kind.WORD, Kind.CLITIC, *_CLOSERS)
    innermost = at.groups[-1][0] if at.groups else None
    opens = at.last not in _OPENERS and all(group is not kind for group, _ in at.groups)
    fits = {
        Kind.WORD: True,
        Kind.CLITIC: at.last is Kind.WORD,
        Kind.COMMA: at.sentence and spoken,
        Kind.DASH: at.sentence and spoken,
        Kind.ENDER: at.sentence and (spoken or at.last is Kind.DASH),
        Kind.OPEN_BRACKET: opens,
        Kind.OPEN_QUOTE: opens,
        Kind.CLOSE_BRACKET: innermost is Kind.OPEN_BRACKET and (spoken or at.last is Kind.ENDER),
        Kind.CLOSE_QUOTE: innermost is Kind.OPEN_QUOTE and at.last not in _OPENERS,
        Kind.CLOSE_EXPOSITION: at.place is Place.EXPOSITION and at.complete,
    }
    return at.place is not Place.OUTSIDE and fits.get(kind, False)
