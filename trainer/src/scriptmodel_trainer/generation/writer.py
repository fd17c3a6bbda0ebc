"""Writes one script: the network scores each next token, the grammar restricts it, the word limit ends the script."""

from __future__ import annotations

import functools
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scriptmodel_trainer.arrays import Floats
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.given import GivenText, read_given, renamed, without_names
from scriptmodel_trainer.corpus.tokens import (
    CLOSE_BRACKET,
    CLOSE_NAME,
    CLOSE_QUOTE,
    EOS,
    MARKERS,
    OPEN_BRACKET,
    OPEN_NAME,
    OPEN_QUOTE,
    event_tokens,
)
from scriptmodel_trainer.corpus.words import split_words
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.casting import Cast, Casting, Play, name_parts, one_form
from scriptmodel_trainer.generation.contractions import Contractions
from scriptmodel_trainer.generation.grammar import Grammar, Kind, Last, Place, cost, kind_of, kind_of_piece
from scriptmodel_trainer.generation.lines import Lines, Start, is_small, width_of
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.generation.readers import reader_of
from scriptmodel_trainer.generation.rendering import render
from scriptmodel_trainer.generation.sampling import COMMON, MEMORY, Sampling, choose, for_each, penalise
from scriptmodel_trainer.generation.streams import Stream, run_alone, run_together
from scriptmodel_trainer.vocabulary import Vocabulary

_GROUPS = {
    **dict.fromkeys("[(", OPEN_BRACKET),
    **dict.fromkeys("])", CLOSE_BRACKET),
    "“": OPEN_QUOTE,
    "”": CLOSE_QUOTE,
}


_LONGEST_WORD = 8  # sub-words
_WITHIN = (Last.WORD, Last.CLITIC, Last.COMMA, Last.DASH)  # a sentence


_MOST_READ = 3000
"""Tokens of a given text that the network reads; what is further back changes its state no more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Start of a script: a text to continue, a scene's heading, a speaker's name and words; each may be empty.

    `cast` are the only names that may speak; None chooses a play, and ANY lets every speaker of the model speak.
    """

    speaker: str = ""
    prompt: str = ""
    scene: str = ""
    text: str = ""
    cast: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """The tokens of a script, of which the first `given` are the text that it continues, and who speaks."""

    tokens: list[str]
    given: int = 0
    cast: Cast | None = None


@dataclass(slots=True)
class Draft:
    """A script while it is written: the words and sub-words that there are.

    `given` is that of Script, None until the text that the script continues has been read. What follows once it is
    `opened` is the model's own.
    """

    pieces: Sequence[str] = ()
    given: int | None = None
    opened: bool = False
    cast: Cast | None = None


def enough_of(words: int) -> int:
    """Return after how many words a script ends at the first chance: sentences end by themselves often enough."""
    return words - min(60, max(words // 8, 4))


class Writer:
    """Writes scripts with one model."""

    def __init__(
        self,
        network: Network,
        vocabulary: Vocabulary,
        plays: Sequence[Play] = (),
        contractions: Contractions | None = None,
        lines: Lines | None = None,
    ) -> None:
        self._network = network
        self._vocabulary = vocabulary
        self._casting = Casting(vocabulary, plays)
        kinds = list(map(kind_of_piece if vocabulary.spells else kind_of, vocabulary.words))
        self._kinds = kinds
        numbered = np.array(kinds)
        self._members = {kind: np.flatnonzero(numbered == kind) for kind in Kind}
        names = [number for number in sorted(vocabulary.name_starts) if kinds[number] is not Kind.UNWRITTEN]
        if not vocabulary.spells:  # in ascending order the most frequent names are first
            names = [vocabulary.id_of(name) for name in one_form(vocabulary.words[number] for number in names)]
        self._members[Kind.NAME] = np.array(names, np.int64)
        self._lines = lines or Lines()
        openings = () if vocabulary.spells else sorted(self._lines.openings)  # part of a word may be no opening
        self._openings = np.array([vocabulary.id_of(word) for word in openings if word in vocabulary], np.int64)
        words = self._members[Kind.WORD].tolist()
        small = [number for number in words if is_small(vocabulary.words[number])]
        self._small = np.array(small if len(small) < len(words) else [], np.int64)
        joined = [number for number in self._members[Kind.WORD].tolist() if "_" in vocabulary.words[number]]
        self._members[Kind.WORD] = np.setdiff1d(self._members[Kind.WORD], joined)  # names of cues, not of speech
        self._grammar = Grammar(frozenset(kind for kind, numbers in self._members.items() if len(numbers)))
        self._longest_name = max((name.count("_") for name in vocabulary.names), default=0)  # further words of it
        self._penalised = np.isin(numbered, (Kind.WORD, Kind.CLITIC))
        self._penalised[:COMMON] = False
        self._masks: dict[frozenset[Kind], Floats] = {}
        ids, contractions = vocabulary.id_of, contractions or Contractions()
        self._follows = {ids(mark): frozenset(map(ids, words)) for mark, words in contractions.after.items()}
        self._bound = frozenset(map(ids, contractions.bound)) - {vocabulary.unknown}
        # A speech is followed by one of another speaker, unless a direction comes between.
        self._changes_speakers = not vocabulary.spells and len(names) > 1
        self._spoken_names: dict[str, list[int]] = {}  # of words that are in names: how they are spelled in speech
        in_names = set() if vocabulary.spells else {part for name in vocabulary.names for part in name_parts(name)}
        for number in self._members[Kind.WORD].tolist():
            if (word := vocabulary.words[number].casefold()) in in_names:
                self._spoken_names.setdefault(word, []).append(number)
        folded = {name.casefold() for name in vocabulary.names}
        named = Counter(part for name in folded for part in set(name_parts(name)))
        self._shared = {part for part, count in named.items() if count > 1}  # `lady`

    def write(self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening) -> Script:
        """Return a whole, well-formed script of at most `words` words as `wc -w` counts its rendered text.

        The words of a text that the opening continues are not counted. Raises BadInputError if so few words cannot
        hold a script, or the opening does not fit.
        """
        reader = reader_of(self._network, sampling.temperature)
        return run_alone(reader, self.stream(words, sampling, seed, opening))

    def write_together(
        self, words: int, sampling: Sampling | Sequence[Sampling], seeds: Sequence[Sequence[int]], opening: Opening
    ) -> list[Script]:
        """Return a script for each seed, written together: much faster than one after another.

        `sampling` has the settings of all scripts, or of each. The script of a seed does not depend on the others, but
        sums are rounded in another order than in `write`, so it may differ from the one written alone where two words
        are all but equally likely. A trained cache takes part.
        """
        samplings = for_each(sampling, len(seeds))
        streams = [self.stream(words, *each, opening) for each in zip(samplings, seeds, strict=True)]
        return run_together(self._network, streams, [each.temperature for each in samplings])

    def stream(
        self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening, draft: Draft | None = None
    ) -> Stream[Script]:
        """Write one script, kept in `draft`: yields the number of each token and is sent the logits after it.

        Raises BadInputError as `write` does, at the first token if it can.
        """
        if Kind.WORD not in self._grammar.kinds:
            raise BadInputError("the model knows no words", "train it on a larger corpus")
        start = self._start(opening)
        cast = self._casting.cast(opening.cast, start.speakers, seed) if self._grammar.has_names else None
        lines = self._lines if (cast or self._casting).verse else replace(self._lines, widths=())
        page = _Page(self._vocabulary, self._grammar, words, self._names_of(cast), lines, self._strangers(cast, start))
        draft = draft or Draft()
        draft.pieces, draft.cast = page.script, cast
        random = np.random.default_rng(seed)
        least, _ = self._grammar.to_end(page.position)
        if Kind.OPEN_EXPOSITION not in self._grammar.kinds:
            least += self._longest_name
        if words < least:
            raise BadInputError(f"--words {words} is too few", f"the shortest script has {least}", parameter="words")
        page.logits = yield self._vocabulary.first
        yield from self._force(page, _voiced(start.text, cast), counted=False)
        draft.given = len(self._vocabulary.joined(page.script))
        yield from self._force(page, _voiced(start.scene, cast))
        if start.prompt and start.prompt[0] != OPEN_NAME and page.position.place is Place.OUTSIDE:
            yield from self._force(page, [OPEN_NAME])
            yield from self._finish_name(page, sampling, random)
        yield from self._force(page, _voiced(start.prompt, cast))
        draft.opened, enough = True, enough_of(words)
        while not (page.position.final and (page.used >= enough or page.left == 0)):
            yield from self._next(page, sampling, random)
        return self.script(draft)

    def script(self, draft: Draft) -> Script:
        """Return what there is of a script."""
        tokens = self._vocabulary.joined(list(draft.pieces))
        return Script(draft.cast.printed(tokens) if draft.cast else tokens, draft.given or 0, draft.cast)

    def text(self, script: Sequence[str]) -> str:
        """Return the text of the tokens of a script, with verse on its lines."""
        return render(self._lines.broken(script))

    def unknown_words(self, opening: Opening) -> list[str]:
        """Return the words of the opening that the model neither knows nor spells, each once."""
        if self._vocabulary.spells:
            return []
        start = self._start(opening)
        tokens = without_names([*start.text, *start.scene, *start.prompt])
        words = [token for token in tokens if kind_of(token) in (Kind.WORD, Kind.CLITIC)]
        return [word for word in dict.fromkeys(words) if word not in self._vocabulary]

    def unknown_names(self, opening: Opening) -> list[str]:
        """Return the names in the opening that the model neither knows nor spells: others lend them their voices."""
        if self._vocabulary.spells:
            return []
        names = (*(opening.cast or ()), *self._start(opening).speakers)
        return [name for name in dict.fromkeys(names) if self._casting.find(name) is None]

    @functools.lru_cache(maxsize=4)  # noqa: B019  # a writer lives as long as its model, and samples share an opening
    def _start(self, opening: Opening) -> _Start:
        """Return the tokens that a script with this opening starts with."""
        if opening.speaker and not self._grammar.has_names:
            raise BadInputError("this model's corpus has no speakers", "leave out --speaker", parameter="speaker")
        text, scene = self._given(opening.text), Event(EventKind.HEADING, opening.scene)
        spoken = self._given(opening.prompt)
        if spoken.speakers and opening.speaker in ("", *spoken.speakers):
            prompt = list(spoken.tokens)
        else:
            prompt = self._quoted(split_words(opening.prompt))
            if opening.speaker:
                prompt = [OPEN_NAME, self._casting.require(opening.speaker), CLOSE_NAME, *prompt]
        start = _Start(list(text.tokens), event_tokens(scene), prompt)
        if text.unfinished and (start.scene or start.prompt[:1] == [OPEN_NAME]):
            start.text.append(EOS)
        return start

    def _given(self, text: str) -> GivenText:
        """Return a text in any layout as tokens, with names as the model spells them."""
        given = read_given(text, lambda name: self._casting.find(name) is not None)
        tokens = given.tokens if self._grammar.has_names else without_names(given.tokens)
        named = renamed(tokens, lambda name: self._casting.find(name) or name)
        return GivenText(tuple(named), given.unfinished)

    def _quoted(self, pieces: Sequence[str]) -> list[str]:
        """Return the tokens of words in which every other double quote closes."""
        quoting, found = False, []
        for piece in pieces:
            mark = ("”" if quoting else "“") if piece == '"' else piece
            quoting = mark == "“" or (quoting and mark != "”")
            found.append(_GROUPS.get(mark, mark))
        return found

    def _force(self, page: _Page, tokens: Sequence[str], counted: bool = True) -> Stream[None]:
        """Put given tokens on the page; marks that the grammar forbids there are left out, words never are.

        Tokens that are not `counted` use nothing of the limit, and the network reads the last of them only.
        """
        unread = 0 if counted else len(tokens) - _MOST_READ
        for number, token in enumerate(tokens):
            kind = Kind.NAME if page.position.place is Place.NAME else kind_of(token)
            if kind is Kind.CLITIC and not self._grammar.allows(page.position, kind):
                kind = Kind.WORD
            if not self._grammar.allows(page.position, kind):
                continue
            for piece in self._vocabulary.pieces(token):
                placed = page.put(piece, kind)
                if number >= unread:
                    page.logits = yield placed
                kind = Kind.CONTINUATION
            if not counted:
                page.used = 0
            elif page.left < self._grammar.to_end(page.position)[0]:
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
        need = cost(page.position, kind) + pieces + (self._longest_name if kind is Kind.OPEN_NAME else 0)
        if page.left > need:
            return True
        # With nothing to spare, only the rest of a word or a step on a shortest way to the end.
        return page.left == need and (kind is Kind.CONTINUATION or steps < self._grammar.to_end(page.position)[1])

    def _next(self, page: _Page, sampling: Sampling, random: np.random.Generator) -> Stream[None]:
        in_name = page.position.place is Place.NAME
        if page.names and page.position.place in (Place.NAME, Place.NAMED):
            logits = page.logits + self._only(page.names)
        else:
            logits = page.logits + self._mask(self._contracted(page, self._allowed(page)))
            if not page.begins_line and page.position.sentence and page.position.last in _WITHIN:
                logits[self._openings] = -np.inf
            if page.needs_capital:
                logits[self._small] = -np.inf
            logits[page.strangers] = -np.inf
            if page.addresses and page.speaker is not None:
                logits[self._named(set(name_parts(self._vocabulary.words[page.speaker])) - self._shared)] = -np.inf
            if page.position.last is Last.WORD:
                logits[[mark for mark, words in self._follows.items() if page.recent[-1] not in words]] = -np.inf
        recent = np.fromiter(page.recent, np.int32, len(page.recent))
        penalise(logits, recent[self._penalised[recent]], sampling)
        if in_name and page.speaker is not None and self._changes_speakers and page.names.keys() != {page.speaker}:
            logits[page.speaker] = -np.inf
        number = choose(logits, sampling, random)
        kind = Kind.NAME if in_name else self._kinds[number]
        if page.names and page.position.place is Place.NAMED and kind is not Kind.CLOSE_NAME:
            kind = Kind.CONTINUATION  # a byte of a name, too
        page.logits = yield page.put(self._vocabulary.words[number], kind)

    def _contracted(self, page: _Page, allowed: frozenset[Kind]) -> frozenset[Kind]:
        """Return the kinds that may come next: a clitic alone after a word that the corpus always contracts."""
        if page.position.last is not Last.WORD or Kind.CLITIC not in allowed or not self._follows:
            return allowed
        last = page.recent[-1]
        if not any(last in words for words in self._follows.values()):
            return allowed - {Kind.CLITIC}
        return frozenset((Kind.CLITIC,)) if last in self._bound else allowed

    def _finish_name(self, page: _Page, sampling: Sampling, random: np.random.Generator) -> Stream[None]:
        """Let the network choose a name, up to the marker that closes it."""
        while page.position.place in (Place.NAME, Place.NAMED):
            yield from self._next(page, sampling, random)

    def _strangers(self, cast: Cast | None, start: _Start) -> list[int]:
        """Return the numbers of the names of other plays that what is given does not have, either."""
        strangers = cast.strangers.difference(start.text, start.scene, start.prompt) if cast else ()
        return [self._vocabulary.id_of(word) for word in strangers if word in self._vocabulary]

    def _named(self, parts: Iterable[str]) -> list[int]:
        """Return the numbers of the words in speech that are these parts of names."""
        return [number for part in parts for number in self._spoken_names.get(part, ())]

    def _names_of(self, cast: Cast | None) -> _Names:
        """Return the names of a cast as the numbers that spell them and the closing marker; without a cast, none."""
        names: _Names = {}
        for name in cast.names if cast else ():
            pieces = [*self._vocabulary.pieces(cast.voice(name) if cast else name), CLOSE_NAME]
            if all(piece in self._vocabulary for piece in pieces):
                node = names
                for piece in pieces:
                    node = node.setdefault(self._vocabulary.id_of(piece), {})
        return names

    def _only(self, names: _Names) -> Floats:
        mask = np.full(len(self._vocabulary), -np.inf, np.float32)
        mask[list(names)] = 0
        return mask

    def _mask(self, allowed: frozenset[Kind]) -> Floats:
        mask = self._masks.get(allowed)
        if mask is None:
            mask = np.full(len(self._vocabulary), -np.inf, np.float32)
            for kind in allowed:
                mask[self._members[kind]] = 0
            self._masks[allowed] = mask
        return mask


_Names = dict[int, "_Names"]
"""Names of a cast by the number of their next piece; the last piece is the marker that closes a name."""


@dataclass(frozen=True, slots=True)
class _Start:
    """The tokens that a script starts with: of the text that it continues, of a scene's heading, and of a prompt."""

    text: list[str]
    scene: list[str]
    prompt: list[str]

    @property
    def speakers(self) -> list[str]:
        """The names that speak, the last speaker first."""
        return GivenText((*self.text, *self.prompt)).speakers


def _voiced(tokens: Sequence[str], cast: Cast | None) -> list[str]:
    """Return tokens with the voices of the cast in place of its names."""
    return renamed(tokens, cast.voice) if cast else list(tokens)


class _Page:
    """The script so far, with the grammar's state and the network's logits after it.

    `names` are those that may come next in the place of a name; empty without a cast. `strangers` are words that name
    people of other plays.
    """

    def __init__(
        self, vocabulary: Vocabulary, grammar: Grammar, budget: int, names: _Names, lines: Lines, strangers: list[int]
    ) -> None:
        self.script: list[str] = []
        self.logits: Floats = np.zeros(len(vocabulary), np.float32)
        self.position = grammar.start
        self.recent: deque[int] = deque(maxlen=MEMORY)
        self.used = 0
        self.pieces = 0  # of the present word
        self.speaker: int | None = None  # of the last speech, unless a direction followed
        self.width = 0  # characters of the present line
        self.bracketed = False
        self._mark, self._outer = "", ""  # the last marker; the one before the bracket that is open
        self.addresses = False  # in brackets, after `to`
        self.names = names
        self._cast = names
        self.strangers = strangers
        self._lines = lines
        self._budget = budget
        self._vocabulary = vocabulary
        self._grammar = grammar

    @property
    def left(self) -> int:
        """Words that may still be written."""
        return self._budget - self.used

    @property
    def begins_line(self) -> bool:
        """True where a word with a capital may begin another line of verse."""
        speaks = self.position.place is Place.SPEECH and not self.bracketed
        return speaks and self._lines.end_at(self.width, Start.OPENING)

    @property
    def needs_capital(self) -> bool:
        """True where the corpus begins a sentence, with a capital."""
        return not self.position.sentence and self._mark in self._lines.capitals

    def put(self, token: str, kind: Kind) -> int:
        """Write one token down; returns its number, which the network reads next."""
        number = self._vocabulary.id_of(token)
        named = self.position.place in (Place.NAME, Place.NAMED)
        self.names = self.names.get(number, {}) if named and kind is not Kind.CLOSE_NAME else self._cast
        self.used += cost(self.position, kind) + (token.count("_") if named else 0)
        self.pieces = self.pieces + 1 if kind is Kind.CONTINUATION else 1
        self.position = self._grammar.advance(self.position, kind)
        start = self._lines.start_of(self.script[-1], token) if self.script and not self.bracketed else None
        if token == OPEN_BRACKET:
            self._outer, self._mark = self._mark, token
        elif token in MARKERS:
            self._mark = self._outer if token == CLOSE_BRACKET else token
        self.bracketed = any(group is Kind.OPEN_BRACKET for group, _ in self.position.groups)
        self.addresses = self.bracketed and (self.addresses or token.casefold() == "to")
        ends = named or (start is not None and self._lines.end_at(self.width, start))
        self.width = (0 if ends else self.width) + width_of(token)
        self.script.append(token)
        if kind in (Kind.WORD, Kind.CLITIC):
            self.recent.append(number)
        elif kind is Kind.NAME:
            self.speaker = number
        elif kind is Kind.OPEN_EXPOSITION:
            self.speaker = None
        return number
