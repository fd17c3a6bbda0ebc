"""Replies to a scene: lines that the model writes, and real lines of the corpus, those first that the scene calls for.

The score of a reply is the mean over its tokens of log p(token | scene) - lambda log p(token), so that what could be
said anywhere, as "Yes.", is not first (Li et al. 2016, arXiv:1510.03055). The network gives both, given who speaks, and
its cache takes part in the scene, of which a network alone remembers little; trigrams say the same of both. Names of
the scene do not count: everybody could say them. A line that is written keeps a third of its probability, since it must
be a likely sentence first. One that is real is a sentence already; tokens that say nothing are added to it, else the
shortest lines were first.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scriptmodel_trainer.artifacts.description import Play
from scriptmodel_trainer.artifacts.model_directory import TrainedModel
from scriptmodel_trainer.corpus.given import renamed
from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, EDGES, EOS, OPEN_NAME, is_word, name_token
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.casting import Cast, Casting, name_parts
from scriptmodel_trainer.generation.hearing import Heard
from scriptmodel_trainer.generation.openings import Opening, Openings
from scriptmodel_trainer.generation.quoting import TITLES, Quotable, tokens_of
from scriptmodel_trainer.generation.sampling import COPIED, Sampling
from scriptmodel_trainer.generation.typography import Typography, typography_of
from scriptmodel_trainer.generation.writer import Writer, writer_of
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Ids

_WRITTEN, _REAL = (0.65, 0), (1.0, 14)
"""Lambda of lines that are written, and of real ones, and the tokens that are added."""
MOST = 20
"""Replies at once."""
_ROWS, _LEAST, _ROUNDS = 16, 3, 6  # times that so many lines are written side by side, until so many differ
_READ = 8000  # characters of the scene's end that are read
_LIKELY = 256  # real lines that are scored exactly
_SHORT = 9  # letters of what may be said again, as "I see."
_DRAW = 0x5A1D  # speakers are drawn apart from words
_FEW = 6  # people of a play that a scene without a cast has
_WORD = re.compile(r"\w+")
_CUE = re.compile(r"\[ .*? \]:")


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody says next: the name's token, the words, both set as in the scene, and the line that is quoted."""

    name: str
    text: str
    printed: str
    score: float
    line: int | None = None


@dataclass(slots=True)
class Scene:
    """A text as the network has read it: who may speak next, and who does for certain; who spoke last."""

    opening: Opening
    typography: Typography
    cast: Cast
    speakers: list[str]
    named: str
    last: str
    heard: Heard


class Replies:
    """Finds replies with one model."""

    def __init__(self, network: Network, vocabulary: Vocabulary, plays: Sequence[Play], writer: Writer) -> None:
        self._network, self._vocabulary, self.writer = network, vocabulary, writer
        self._casting = Casting(vocabulary, plays)
        self._openings = Openings(vocabulary, self._casting, has_names=True)
        self._anywhere = Heard(network, np.array([vocabulary.first], np.int32))

    def scene(self, opening: Opening, seed: int = 0) -> Scene:
        """Read the text of an opening, whose speaker is who replies; the seed draws a cast where nobody has spoken.

        Raises BadInputError if nobody can reply.
        """
        if not self._casting.speakers:
            raise BadInputError("this model has no speakers, who could reply", "train one on plays")
        text = opening.text[-_READ:]
        if len(text) < len(opening.text):  # and the rest of a line says nothing
            text = text.partition("\n")[2] or text
        typography = typography_of(text, lambda name: self._casting.find(name) is not None)
        start = self._openings.start(Opening(scene=opening.scene, text=text))
        tokens, others = [*start.text, *start.scene], start.speakers
        named, before = "", others
        if typography.open_cue and tokens[-1:] == [CLOSE_NAME]:
            named, before = tokens[-2], others[1:]
            del tokens[-3:]
        elif opening.speaker:
            named = self._casting.require(opening.speaker, [*others, *map(name_token, opening.cast or ())])
        if tokens and is_word(tokens[-1]):
            tokens.append(EOS)
        cast = self._casting.cast(opening.cast, [*filter(None, [named]), *others], (seed,))
        speakers = list(cast.names or self._casting.speakers)[: None if opening.cast else _FEW]
        if len(others) > 1 and not opening.cast:
            speakers = others
        last = next(iter(before), "")
        given = Opening(scene=opening.scene, text=text, cast=opening.cast)
        ids = self._vocabulary.encode(map(self._vocabulary.known_form, renamed(tokens, cast.voice)))
        heard = Heard(self._network, np.concatenate([[self._vocabulary.first], ids]).astype(np.int32))
        return Scene(given, typography, cast, speakers, named, last, heard)

    def found(
        self,
        scene: Scene,
        count: int,
        words: int,
        sampling: Sampling,
        seed: int,
        quotable: Quotable | None,
    ) -> list[Reply]:
        """Return replies, best first: real lines if they are given, else new ones."""
        if quotable:
            return self.real(scene, count, words, seed, quotable)
        return self.written(scene, count, words, sampling, seed)

    def written(self, scene: Scene, count: int, words: int, sampling: Sampling, seed: int) -> list[Reply]:
        """Return so many different replies of at most so many words, best first; fewer if the model has no more."""
        random, found = np.random.default_rng((seed, _DRAW)), dict[str, Reply]()
        for number in range(_ROUNDS):
            names = sorted(self._speaker(scene, random) for _ in range(_ROWS))
            for name, group in itertools.groupby(enumerate(names), lambda each: each[1]):
                seeds = [(seed, number, row) for row, _ in group]
                texts = {_letters(text): text for text in self._lines(scene, name, seeds, words, sampling)}
                new = [text for letters, text in texts.items() if letters and letters not in found]
                found |= {_letters(reply.text): reply for reply in self._scored(scene, name, new, _WRITTEN)}
            if number + 1 >= _LEAST and len(found) >= count:
                break
        return sorted(found.values(), key=lambda reply: -reply.score)[:count]

    def real(
        self,
        scene: Scene,
        count: int,
        words: int,
        seed: int,
        quotable: Quotable,
        used: Collection[int] = (),
        speech: int = -1,
    ) -> list[Reply]:
        """Return real lines, each of another speech, best first, that differ from each other and from those `used`.

        None is of that `speech`.
        """
        name = self._speaker(scene, np.random.default_rng((seed, len(used))))
        usual = np.log(quotable.usual)
        begins, topic = scene.heard.next_after(self._cue(scene, name)) - usual, scene.heard.topic() - usual
        known = {part for each in scene.speakers for part in name_parts(each)}
        addressed = scene.typography.name(scene.last).title() if scene.last and scene.last != name else ""
        said = [_words(quotable.lines[number].text) for number in used]
        texts: dict[str, int] = {}
        for number in quotable.nearest(begins, topic).tolist():
            line = quotable.lines[number]
            fits = line.speech != speech and len(line.text.split()) <= words and _is_new(line.text, said)
            if fits and (text := quotable.fitted(number, known, addressed)):
                texts[text] = number
                if len(texts) == _LIKELY:
                    break
        found: dict[int, Reply] = {}
        for reply in sorted(self._scored(scene, name, list(texts), _REAL), key=lambda reply: -reply.score):
            line = texts[reply.text]
            if len(found) == count:
                break
            if not _is_new(reply.text, said):
                continue
            said.append(_words(reply.text))
            found.setdefault(quotable.lines[line].speech, Reply(name, reply.text, reply.printed, reply.score, line))
        return list(found.values())

    def said(self, scene: Scene, reply: Reply) -> None:
        """Let a reply be the last one of a scene."""
        scene.heard.read(np.concatenate([self._cue(scene, reply.name), tokens_of(reply.text, self._vocabulary)]))
        scene.last, scene.named, scene.typography = reply.name, "", replace(scene.typography, open_cue="")

    def _speaker(self, scene: Scene, random: np.random.Generator) -> str:
        """Draw who replies: somebody else than who spoke last, as likely as the network has it."""
        others = [name for name in scene.speakers if name != scene.last] or scene.speakers
        if scene.named or len(others) == 1:
            return scene.named or others[0]
        firsts = [self._cue(scene, name)[1] for name in others]
        likely = np.exp(scene.heard.next_after(self._vocabulary.encode([OPEN_NAME]))[firsts].astype(np.float64))
        return others[int(random.choice(len(others), p=likely / likely.sum()))]

    def _lines(
        self, scene: Scene, name: str, seeds: Sequence[Sequence[int]], words: int, sampling: Sampling
    ) -> Iterator[str]:
        """Yield a speech for each seed, written side by side; the scene is read once."""
        cue = name if self._casting.find(name) else name.upper()
        opening = Opening("", f"{cue.replace('_', ' ')}:", scene.opening.scene, scene.opening.text, scene.opening.cast)
        words += 3 + name.count("_")  # of the cue
        for script in self.writer.speeches(words, sampling, seeds, opening):
            tokens = script.tokens[script.given :]
            end = next((place for place, token in enumerate(tokens) if place and token in EDGES), None)
            yield " ".join(_CUE.sub("", self.writer.text(tokens[:end]), count=1).split())

    def _scored(self, scene: Scene, name: str, texts: Sequence[str], kind: tuple[float, int]) -> Iterator[Reply]:
        """Yield a reply for each text that is not in the scene, and in which nobody says their own name."""
        own, said = set(name_parts(name)) - TITLES, _letters(scene.opening.text)
        texts = [text for text in texts if own.isdisjoint(_WORD.findall(text.casefold()))]
        texts = [text for text in texts if len(_letters(text)) < _SHORT or _letters(text) not in said]
        if not texts:
            return
        less, added = kind
        cue, ids = self._cue(scene, name), [tokens_of(text, self._vocabulary) for text in texts]
        names = {part for each in scene.speakers for part in name_parts(each)}
        counted = np.array([word.casefold() not in names for word in self._vocabulary.words])
        scores = scene.heard.sums(cue, ids, counted) - less * self._anywhere.sums(cue, ids, counted)
        scores /= [max(1, counted[each].sum()) + added for each in ids]
        for text, score in zip(texts, scores.tolist(), strict=True):
            yield Reply(name, text, scene.typography.speech(name, text), score)

    def _cue(self, scene: Scene, name: str) -> Ids:
        return self._vocabulary.encode([OPEN_NAME, scene.cast.voice(name), CLOSE_NAME])


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _is_new(text: str, said: Iterable[frozenset[str]]) -> bool:
    """Return whether a text shares less than half of its words, and of theirs, with each that was said."""
    words = _words(text)
    return all(2 * len(words & each) < len(words | each) for each in said)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def replies_of(model: TrainedModel) -> Replies:
    """Return what finds replies with a model."""
    return Replies(model.network(COPIED), model.vocabulary, model.plays, writer_of(model))
