"""Writes one script: the network scores each next token, the grammar restricts it, the word limit ends the script."""

import abc
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from scriptmodel_trainer.corpus.given import renamed
from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, OPEN_NAME
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.casting import Cast, Casting, Play, name_parts, one_form
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.grammar import Grammar, Kind, Last, Place, cost, kind_of
from scriptmodel_trainer.generation.openings import Opening, Openings
from scriptmodel_trainer.generation.page import Names, Page
from scriptmodel_trainer.generation.sampling import Sampling, choose
from scriptmodel_trainer.generation.stage import Stage
from scriptmodel_trainer.generation.streams import Stream, run_alone, run_together
from scriptmodel_trainer.generation.takes import Take, best_take, ranks_of, run_takes
from scriptmodel_trainer.generation.typography import Typography, typography_of
from scriptmodel_trainer.generation.verse import PRONOUNS, Lines, is_small
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats, Ids

_CONTEXT = 64  # given tokens that are rendered with new ones, so that these attach to them as in one text
_LONGEST_ASIDE = 60  # tokens; a network forgets that a bracket, a quote or a direction is open
_CLOSERS = (Kind.CLOSE_QUOTE, Kind.CLOSE_BRACKET, Kind.CLOSE_EXPOSITION)
_SPEECH_ENDS = (Kind.OPEN_NAME, Kind.OPEN_EXPOSITION)
_WITHIN = (Last.WORD, Last.CLITIC, Last.COMMA, Last.DASH)  # a sentence


_MOST_READ = 3000
"""Tokens of a given text that the network reads; what is further back changes its state no more."""


@dataclass(frozen=True, slots=True)
class Script:
    """The tokens of a script, of which the first `given` are the text that it continues, and who speaks."""

    tokens: list[str]
    given: int = 0
    cast: Cast = field(default_factory=Cast)


@dataclass(slots=True)
class Draft:
    """A script while it is written: the words and sub-words that there are.

    `given` is that of Script, None until the text that the script continues has been read. What follows once it is
    `opened` is the model's own.
    """

    pieces: Sequence[str] = ()
    given: int | None = None
    opened: bool = False
    cast: Cast = field(default_factory=Cast)


def enough_of(words: int) -> int:
    """Return after how many words a script ends at the first chance: sentences end by themselves often enough."""
    return words - min(60, max(words // 8, 4))


class BaseWriter(abc.ABC):
    """Writes scripts with one model; what a script is, `stream` says."""

    _network: Network

    @abc.abstractmethod
    def stream(
        self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening, draft: Draft | None = None
    ) -> Stream[Script]:
        """Write one script, kept in `draft`: yields the number of each token and is sent the logits after it.

        Raises BadInputError as `write` does, at the first token if it can.
        """

    @abc.abstractmethod
    def script(self, draft: Draft) -> Script:
        """Return what there is of a script."""

    @abc.abstractmethod
    def text(self, script: Sequence[str]) -> str:
        """Return the text of the tokens of a script."""

    def added(self, script: Script) -> str:
        """Return the text that a script adds to the one that it continues, as it follows that."""
        start = max(0, script.given - _CONTEXT)
        before = self.text(script.tokens[start : script.given]).rstrip()
        whole = self.text(script.tokens[start:])
        return whole[len(os.path.commonprefix((before, whole))) :]  # noqa: RUF071  # of texts

    def typography(self, given: str) -> Typography | None:
        """Return how a text is set that a script continues; None if what is added to it is not set like it."""
        del given
        return None

    def write(self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening) -> Script:
        """Return a whole script of at most `words` words as `wc -w` counts its text.

        The words of a text that the opening continues are not counted. Raises BadInputError if so few words cannot
        hold a script, or the opening does not fit.
        """
        return run_alone(Reader(self._network, sampling.temperature), self.stream(words, sampling, seed, opening))

    def write_together(
        self, words: int, sampling: Sampling | Sequence[Sampling], seeds: Sequence[Sequence[int]], opening: Opening
    ) -> list[Script]:
        """Return a script for each seed, written together: much faster than one after another.

        `sampling` has the settings of all scripts, or of each. The script of a seed does not depend on the others, but
        sums are rounded in another order than in `write`, so it may differ from the one written alone where two words
        are all but equally likely. A trained cache takes part.
        """
        samplings = [sampling] * len(seeds) if isinstance(sampling, Sampling) else sampling
        streams = [self.stream(words, *each, opening) for each in zip(samplings, seeds, strict=True)]
        return run_together(self._network, streams, [each.temperature for each in samplings])

    def unknown(self, opening: Opening) -> list[str]:
        """Return the names of the opening that the model does not know, each once; other speakers lend their voices."""
        del opening
        return []


class Writer(BaseWriter):
    """Writes speeches and directions, well-formed."""

    def __init__(
        self,
        network: Network,
        vocabulary: Vocabulary,
        plays: Sequence[Play] = (),
        lines: Lines | None = None,
    ) -> None:
        self._network = network
        self._ranks = ranks_of(network)
        self._vocabulary = vocabulary
        self._casting = Casting(vocabulary, plays)
        # Only whole words of the corpus are written: sub-words might form words that nobody wrote.
        kinds = [kind_of(word) if vocabulary.is_word(word) else Kind.UNWRITTEN for word in vocabulary.words]
        self._kinds = kinds
        numbered = np.array(kinds)
        self._members = {kind: np.flatnonzero(numbered == kind) for kind in Kind}
        # In ascending order the most frequent names are first.
        whole = (vocabulary.words[number] for number in sorted(vocabulary.speakers) if kinds[number] != Kind.UNWRITTEN)
        names = [vocabulary.id_of(name) for name in one_form(whole)]
        self._members[Kind.NAME] = np.array(names, np.int64)
        self._lines = lines or Lines()
        self._openings = np.array(self._numbers(self._lines.openings), np.int64)
        words = self._members[Kind.WORD].tolist()
        small = [number for number in words if is_small(vocabulary.words[number])]
        self._small = np.array(small if len(small) < len(words) else [], np.int64)
        spoken = [number for number in words if "_" not in vocabulary.words[number]]  # others are names of cues
        self._members[Kind.WORD] = np.array(spoken, np.int64)
        self._grammar = Grammar(frozenset(kind for kind, numbers in self._members.items() if len(numbers)))
        self._starts = Openings(vocabulary, self._casting, has_names=self._grammar.has_names)
        self._joins = np.array([piece.count("_") for piece in vocabulary.words])  # further words that a name gets
        self._masks: dict[frozenset[Kind], Floats] = {}
        self._never: dict[int, Ids] = {}  # after each token
        # A speech is followed by one of another speaker, unless a direction comes between.
        self._changes_speakers = len(names) > 1
        folded = {name.casefold() for name in vocabulary.names}
        named = Counter(part for name in folded for part in set(name_parts(name)))
        self._shared = {part for part, count in named.items() if count > 1}  # `lady`
        in_plays = Counter(name for play in plays for name in play.speakers if vocabulary.is_word(name))
        # The network knows how often `ALL` speaks in all plays; a cast is that of one of them.
        self._elsewhere = np.zeros(len(vocabulary), np.float32)
        self._elsewhere[[vocabulary.id_of(name) for name in in_plays]] = np.log([*in_plays.values()])

    def write(self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening) -> Script:
        if sampling.takes == 1:
            return super().write(words, sampling, seed, opening)
        draft, random = Draft(), np.random.default_rng(seed)
        reader = Reader(self._network, sampling.temperature)
        page = run_alone(reader, self._open(words, sampling, seed, opening, draft, random))
        kept = Take(page, reader, self._stage(draft.cast))
        kept.stage.play(self._vocabulary.joined(page.script))
        while not self._ended(kept.page, words):
            count = sampling.takes if kept.page.script else 1  # the first sentence answers nothing
            takes, draws = [kept.copy() for _ in range(count)], random.spawn(count)
            sentences = [
                self._sentence(each.page, words, sampling, own) for each, own in zip(takes, draws, strict=True)
            ]
            run_takes(self._network, takes, sentences, sampling.temperature)
            kept = best_take(self._vocabulary, takes, self._ranks)
        draft.pieces = kept.page.script
        return self.script(draft)

    def write_together(
        self, words: int, sampling: Sampling | Sequence[Sampling], seeds: Sequence[Sequence[int]], opening: Opening
    ) -> list[Script]:
        samplings = [sampling] * len(seeds) if isinstance(sampling, Sampling) else sampling
        if all(each.takes == 1 for each in samplings):
            return super().write_together(words, samplings, seeds, opening)
        return [self.write(words, own, seed, opening) for own, seed in zip(samplings, seeds, strict=True)]

    def _stage(self, cast: Cast) -> Stage:
        names = [*map(cast.voice, cast.names)] or self._vocabulary.names
        parts = ((part, name) for name in names for part in name_parts(name) if part not in self._shared)
        return Stage(names, dict(parts), {title.casefold() for title in self._lines.capitals})

    def _sentence(self, page: Page, words: int, sampling: Sampling, random: np.random.Generator) -> Stream[None]:
        """Write to the end of a sentence, or of the script."""
        yield from self._next(page, sampling, random)
        while not (page.position.complete or self._ended(page, words)):
            yield from self._next(page, sampling, random)

    @staticmethod
    def _ended(page: Page, words: int) -> bool:
        """Return whether a script of at most so many words ends here."""
        enough = page.used >= enough_of(words) and not page.silent
        return page.position.final and (page.left <= 1 or enough)

    def stream(
        self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening, draft: Draft | None = None
    ) -> Stream[Script]:
        draft, random = draft or Draft(), np.random.default_rng(seed)
        page = yield from self._open(words, sampling, seed, opening, draft, random)
        while not self._ended(page, words):
            yield from self._next(page, sampling, random)
        return self.script(draft)

    def _open(
        self,
        words: int,
        sampling: Sampling,
        seed: Sequence[int],
        opening: Opening,
        draft: Draft,
        random: np.random.Generator,
    ) -> Stream[Page]:
        """Write what a script starts with, kept in `draft`; returns the page with it."""
        if Kind.WORD not in self._grammar.kinds:
            raise BadInputError("the model knows no words", "train it on a larger corpus")
        start = self._starts.start(opening)
        named = self._grammar.has_names
        cast = self._casting.cast(opening.cast if named else (), start.speakers if named else (), seed)
        lines = self._lines if cast.verse else replace(self._lines, widths=())
        page = Page(self._vocabulary, self._grammar, words, self._names_of(cast), lines)
        page.strangers = self._numbers(cast.strangers.difference(start.text, start.scene, start.prompt))
        page.printed = {voice: name for name, voice in cast.voices.items()}
        names = cast.names if page.names else self._vocabulary.names
        page.longest_name = max((name.count("_") for name in names), default=0)
        titles = {word.casefold() for word in lines.capitals}  # none follows another, as `Mrs. LORD`
        page.proper = self._numbers(
            word for word in cast.proper if word.casefold() not in titles and not word.isupper()
        )
        draft.pieces, draft.cast = page.script, cast
        least, _ = self._grammar.to_end(page.position)
        if Kind.OPEN_EXPOSITION not in self._grammar.kinds:
            least += page.longest_name
        if words < least:
            raise BadInputError(f"--words {words} is too few", f"the shortest script has {least}", parameter="words")
        page.logits = yield self._vocabulary.first
        yield from self._force(page, renamed(start.text, cast.voice), counted=False)
        draft.given, page.given = len(self._vocabulary.joined(page.script)), len(page.script)
        yield from self._force(page, renamed(start.scene, cast.voice))
        nobody = page.position.place is Place.OUTSIDE  # speaks yet
        if start.prompt and start.prompt[0] != OPEN_NAME and nobody:
            yield from self._force(page, [OPEN_NAME])
            while page.position.place in (Place.NAME, Place.NAMED):
                yield from self._next(page, sampling, random)
        yield from self._force(page, renamed(start.prompt, cast.voice))
        draft.opened = True
        return page

    def script(self, draft: Draft) -> Script:
        tokens = self._vocabulary.joined(list(draft.pieces))
        return Script(draft.cast.printed(tokens), draft.given or 0, draft.cast)

    def text(self, script: Sequence[str]) -> str:
        return detokenize(self._lines.broken(script))

    def typography(self, given: str) -> Typography | None:
        if not (given.strip() and self._grammar.has_names):
            return None
        return typography_of(given, lambda name: self._casting.find(name) is not None)

    def unknown(self, opening: Opening) -> list[str]:
        return self._starts.unknown(opening)

    def _force(self, page: Page, tokens: Sequence[str], counted: bool = True) -> Stream[None]:
        """Put given tokens on the page; marks that the grammar forbids there are left out, words never are.

        Tokens that are not `counted` use nothing of the limit, and the network reads the last of them only.
        """
        unread = 0 if counted else len(tokens) - _MOST_READ
        for number, token in enumerate(tokens):
            kind = Kind.NAME if page.position.place is Place.NAME else kind_of(token)
            allowed = self._grammar.allowed(page.position)
            if kind is Kind.CLITIC and kind not in allowed:
                kind = Kind.WORD
            if kind not in allowed:
                continue
            known = self._vocabulary.known_form(token) in self._vocabulary
            for piece in (token,) if known else self._vocabulary.pieces(token):
                placed = page.put(piece, kind)
                if number >= unread:
                    page.logits = yield placed
                kind = Kind.CONTINUATION
            if not counted:
                page.used = 0
            elif page.left < self._grammar.to_end(page.position)[0]:
                hint = "ask for more --words or shorten the prompt"
                raise BadInputError("the prompt does not fit", hint, parameter="prompt")

    def _allowed(self, page: Page) -> frozenset[Kind]:
        """Return kinds that may come next and leave enough of the budget to close everything."""
        allowed = self._grammar.allowed(page.position)
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
        after = self._grammar.advance(page.position, kind)
        pieces, steps = self._grammar.to_end(after)
        need = cost(page.position, kind) + pieces + (page.longest_name if kind is Kind.OPEN_NAME else 0)
        if page.left > need:
            return True
        # With nothing to spare, only a step on a shortest way to the end.
        return page.left == need and steps < self._grammar.to_end(page.position)[1]

    def _next(self, page: Page, sampling: Sampling, random: np.random.Generator) -> Stream[None]:
        in_name = page.position.place is Place.NAME
        if page.names and page.position.place in (Place.NAME, Place.NAMED):
            logits = page.logits + self._only(page.names)
            logits -= self._elsewhere if in_name else 0
        else:
            allowed = self._mask(self._allowed(page))
            logits = page.logits + allowed
            self._spell(page, logits)
            if page.position.place in (Place.NAME, Place.NAMED):
                logits[self._joins > page.left - self._grammar.to_end(page.position)[0]] = -np.inf
            if page.bracketed and page.position.last is Last.OPENER and page.speaker is not None:
                pronoun = self._lines.pronouns.get(self._vocabulary.words[page.speaker], "")
                logits[self._numbers(PRONOUNS.get(pronoun, ()))] = -np.inf
            if logits.max() == -np.inf:  # none of the words that fit is known
                logits = page.logits + allowed
        if in_name and self._changes_speakers and page.speaker is not None and (logits > -np.inf).sum() > 1:
            logits[page.speaker] = -np.inf  # somebody else speaks
        number = choose(logits, sampling, random)
        kind = Kind.NAME if in_name else self._kinds[number]
        if page.names and page.position.place is Place.NAMED and kind is not Kind.CLOSE_NAME:
            kind = Kind.CONTINUATION  # a byte of a name, too
        page.logits = yield page.put(self._vocabulary.words[number], kind)

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

    def _numbers(self, words: Iterable[str]) -> list[int]:
        """Return the numbers of those words that the model knows."""
        return [self._vocabulary.id_of(word) for word in words if self._vocabulary.is_word(word)]

    def _names_of(self, cast: Cast) -> Names:
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
