"""Writes one script: the network scores each next token, the grammar restricts it, the word limit ends the script."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from scriptmodel_trainer.artifacts.description import Play
from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus.given import renamed
from scriptmodel_trainer.corpus.plain import plain_text
from scriptmodel_trainer.corpus.tokens import EDGES, OPEN_NAME
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.casting import Cast, Casting, name_parts
from scriptmodel_trainer.generation.choices import Choices
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.grammar import Kind, Place, kind_of, plain_kind_of
from scriptmodel_trainer.generation.openings import Opening, Openings
from scriptmodel_trainer.generation.page import Page
from scriptmodel_trainer.generation.sampling import COPIED, Sampling, choose
from scriptmodel_trainer.generation.stage import Stage
from scriptmodel_trainer.generation.streams import Stream, run
from scriptmodel_trainer.generation.takes import Take, best_take, ranks_of
from scriptmodel_trainer.generation.typography import Typography, typography_of
from scriptmodel_trainer.model.cache import COLD
from scriptmodel_trainer.model.network_numpy import Network, log_softmax
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.verse import Lines
from scriptmodel_trainer.model.vocabulary import Vocabulary

_CONTEXT = 64  # given tokens that are rendered with new ones, so that these attach to them as in one text
_TRIES = 8  # of a sentence that may not be a copy
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


class Writer:
    """Writes scripts with one model: speeches and directions, well-formed, or plain text line by line."""

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
        self._lines = lines or Lines()
        self._choices = Choices(network, vocabulary, plays, self._lines)
        self._grammar = self._choices.grammar
        self._starts = Openings(vocabulary, self._casting, has_names=self._grammar.has_names)
        folded = {name.casefold() for name in vocabulary.names}
        named = Counter(part for name in folded for part in set(name_parts(name)))
        self._shared = {part for part, count in named.items() if count > 1}  # `lady`
        self._kind_of = plain_kind_of if self._grammar.is_plain else kind_of

    def write(
        self,
        words: int,
        sampling: Sampling,
        seed: Sequence[int],
        opening: Opening,
        is_copy: Callable[[Sequence[str]], bool] | None = None,
    ) -> Script:
        """Return a whole script of at most `words` words as `wc -w` counts its text.

        The words of a text that the opening continues are not counted. A sentence that `is_copy` is written anew.
        Raises BadInputError if so few words cannot
        hold a script, or the opening does not fit.
        """
        reader = Reader(self._network, sampling.temperature)
        if (sampling.takes == 1 and not is_copy) or self._grammar.is_plain:  # which has no sentences
            return run([reader], [self.stream(words, sampling, seed, opening)])[0]
        draft, random = Draft(), np.random.default_rng(seed)
        (page,) = run([reader], [self._open(words, sampling, seed, opening, draft, random)])
        kept = Take(page, reader, self._stage(draft.cast))
        kept.stage.play(self._vocabulary.joined(page.script))
        while not self._ended(kept.page, words):
            answers = bool(kept.page.script)  # as the first sentence does not
            for _ in range(_TRIES):
                takes, draws = [kept.copy() for _ in range(sampling.takes)], random.spawn(sampling.takes)
                sentences = [self._sentence(take, words, sampling, own) for take, own in zip(takes, draws, strict=True)]
                run([take.reader for take in takes], sentences)
                new = [take for take in takes if not (is_copy and is_copy(self._said(take)))]
                if new:
                    break
            kept = best_take(self._vocabulary, new or takes, self._ranks if answers else None)
        draft.pieces = kept.page.script
        return self.script(draft)

    def speeches(
        self, words: int, sampling: Sampling, seeds: Sequence[Sequence[int]], opening: Opening
    ) -> Iterator[Script]:
        """Yield a script for each seed, written side by side to the end of the speech that the opening begins.

        The opening is read once, and its cast is that of the first seed.
        """
        reader, draft, first = Reader(self._network, sampling.temperature), Draft(), np.random.default_rng(seeds[0])
        (opened,) = run([reader], [self._open(words, sampling, seeds[0], opening, draft, first)])
        pages = [opened.copy() for _ in seeds]
        draws = [np.random.default_rng(seed) for seed in seeds]
        speeches = [self._speech(page, words, sampling, own) for page, own in zip(pages, draws, strict=True)]
        run([reader.copy() for _ in seeds], speeches)
        for page in pages:
            yield self.script(replace(draft, pieces=page.script))

    def _said(self, take: Take) -> list[str]:
        """Return the tokens of the sentence that a take adds."""
        return self._vocabulary.joined([self._vocabulary.words[number] for number in take.new])

    def _stage(self, cast: Cast) -> Stage:
        names = [*map(cast.voice, cast.names)] or self._vocabulary.names
        parts = ((part, name) for name in names for part in name_parts(name) if part not in self._shared)
        return Stage(names, dict(parts), {title.casefold() for title in self._lines.capitals})

    def _sentence(self, take: Take, words: int, sampling: Sampling, random: np.random.Generator) -> Stream[None]:
        """Write to the end of a sentence, or of the script."""
        page, warmth = take.page, np.float32(sampling.temperature if sampling.temperature >= COLD else 1.0)
        while not take.new or not (page.position.complete or self._ended(page, words)):
            before = page.logits
            yield from self._next(page, sampling, random)
            take.new.append(page.last)
            take.likely.append(float(log_softmax(before / warmth)[page.last]))

    def _speech(self, page: Page, words: int, sampling: Sampling, random: np.random.Generator) -> Stream[None]:
        """Write to the beginning of another speech or direction, or to the end of the script."""
        while not (page.script[-1] in EDGES or self._ended(page, words)):
            yield from self._next(page, sampling, random)

    @staticmethod
    def _ended(page: Page, words: int) -> bool:
        """Return whether a script of at most so many words ends here."""
        enough = page.used >= max(1, enough_of(words)) and not page.silent
        return page.position.final and (page.left <= 1 or enough)

    def stream(
        self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening, draft: Draft | None = None
    ) -> Stream[Script]:
        """Write one script, kept in `draft`: yields numbers of tokens and is sent the logits after the last of them.

        Raises BadInputError as `write` does, at the first token if it can.
        """
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
        page = Page(self._vocabulary, self._grammar, words, self._choices.names_of(cast), lines)
        page.strangers = self._choices.numbers(cast.strangers.difference(start.text, start.scene, start.prompt))
        page.printed = {voice: name for name, voice in cast.voices.items()}
        names = cast.names if page.names else self._vocabulary.names
        page.longest_name = max((name.count("_") for name in names), default=0)
        titles = {word.casefold() for word in lines.capitals}  # none follows another, as `Mrs. LORD`
        page.proper = self._choices.numbers(
            word for word in cast.proper if word.casefold() not in titles and not word.isupper()
        )
        draft.pieces, draft.cast = page.script, cast
        least, _ = self._grammar.to_end(page.position)
        if Kind.OPEN_EXPOSITION not in self._grammar.kinds:
            least += page.longest_name
        if words < least:
            raise BadInputError(f"--words {words} is too few", f"the shortest script has {least}", parameter="words")
        page.logits = yield [self._vocabulary.first]
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
        """Return what there is of a script."""
        tokens = self._vocabulary.joined(list(draft.pieces))
        return Script(draft.cast.printed(tokens), draft.given or 0, draft.cast)

    def text(self, script: Sequence[str]) -> str:
        """Return the text of the tokens of a script."""
        return plain_text(script) if self._grammar.is_plain else detokenize(self._lines.broken(script))

    def added(self, script: Script) -> str:
        """Return the text that a script adds to the one that it continues, as it follows that."""
        start = max(0, script.given - _CONTEXT)
        before = self.text(script.tokens[start : script.given]).rstrip()
        whole = self.text(script.tokens[start:])
        return whole[len(os.path.commonprefix((before, whole))) :]  # noqa: RUF071  # of texts

    def typography(self, given: str) -> Typography | None:
        """Return how a text is set that a script continues; None if what is added to it is not set like it."""
        if not (given.strip() and self._grammar.has_names):
            return None
        return typography_of(given, lambda name: self._casting.find(name) is not None)

    def unknown(self, opening: Opening) -> list[str]:
        """Return the names of the opening that the model does not know, each once; other speakers lend their voices."""
        return self._starts.unknown(opening)

    def _force(self, page: Page, tokens: Sequence[str], counted: bool = True) -> Stream[None]:
        """Put given tokens on the page; marks that the grammar forbids there are left out, words never are.

        Tokens that are not `counted` use nothing of the limit, and the network reads the last of them only.
        """
        skipped, numbers = 0 if counted else len(tokens) - _MOST_READ, list[int]()
        for number, token in enumerate(tokens):
            kind = Kind.NAME if page.position.place is Place.NAME else self._kind_of(token)
            allowed = self._grammar.allowed(page.position)
            if kind is Kind.CLITIC and kind not in allowed:
                kind = Kind.WORD
            if kind not in allowed and not self._grammar.is_plain:
                continue
            known = self._vocabulary.known_form(token) in self._vocabulary
            for piece in (token,) if known else self._vocabulary.pieces(token):
                placed = page.put(piece, kind)
                if number >= skipped:
                    numbers.append(placed)
                kind = Kind.CONTINUATION
            if not counted:
                page.used = 0
            elif page.left < self._grammar.to_end(page.position)[0]:
                hint = "ask for more --words or shorten the prompt"
                raise BadInputError("the prompt does not fit", hint, parameter="prompt")
        if numbers:
            page.logits = yield numbers

    def _next(self, page: Page, sampling: Sampling, random: np.random.Generator) -> Stream[None]:
        number = choose(self._choices.of_page(page), sampling, random)
        page.logits = yield [page.put(self._vocabulary.words[number], self._choices.kind_on(page, number))]


def writer_of(model: TrainedModel) -> Writer:
    """Return what writes scripts with a model."""
    return Writer(model.network(COPIED), model.vocabulary, model.plays, model.lines)
