"""Writes one script with a model of the layout `exact`: words and sub-words, line ends and capitals as they come."""

import enum
from collections.abc import Sequence

import numpy as np

from scriptmodel_trainer.corpus import exact
from scriptmodel_trainer.corpus.exact import NEWLINE, exact_text, exact_tokens
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling, choose
from scriptmodel_trainer.generation.streams import Stream
from scriptmodel_trainer.generation.writer import BaseWriter, Draft, Script, enough_of
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.subwords import continues, is_word, words_of
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats
from scriptmodel_trainer.storage.controls import without_controls

_LONGEST_WORD = 8  # pieces
_LONGEST_SCRIPT = 8  # tokens a word: marks that follow each other without words must end, too


class _Kind(enum.Enum):
    """The role of a token in the text."""

    WORD = "word"
    CONTINUATION = "continuation"
    ATTACHED = "attached"  # a mark that touches what it follows
    MARK = "mark"
    LINE_END = "line end"
    GAP = "gap"
    CASE = "case"
    UNWRITTEN = "unwritten"  # bytes may be half a character or an escape that a terminal obeys


_ANYTHING = frozenset(_Kind) - {_Kind.UNWRITTEN}
_IN_LINE = _ANYTHING - {_Kind.CONTINUATION}
_AT_LINE_START = _IN_LINE - {_Kind.LINE_END, _Kind.GAP}
_FOLLOWERS = {
    _Kind.WORD: _ANYTHING,
    _Kind.CONTINUATION: _ANYTHING,
    _Kind.ATTACHED: _IN_LINE,
    _Kind.MARK: _IN_LINE,
    _Kind.LINE_END: _AT_LINE_START,
    _Kind.GAP: _AT_LINE_START,
    _Kind.CASE: frozenset((_Kind.WORD,)),
    _Kind.UNWRITTEN: _IN_LINE,  # in a prompt
}


def _kind_of(token: str) -> _Kind:
    if token in (exact.NEWLINE, exact.PARAGRAPH):
        return _Kind.LINE_END
    if token in exact.STRUCTURE:
        return _Kind.GAP if token in exact.GAPS else _Kind.CASE
    if not token.isprintable() or " " in token or (len(token) > 1 and "<" in token):
        return _Kind.UNWRITTEN
    if continues(token):
        return _Kind.CONTINUATION
    if is_word(token):
        return _Kind.WORD
    return _Kind.ATTACHED if token in exact.ATTACHED else _Kind.MARK


class ExactWriter(BaseWriter):
    """Writes text byte for byte, which ends with a line."""

    def __init__(self, network: Network, vocabulary: Vocabulary) -> None:
        self._network = network
        self._vocabulary = vocabulary
        self._kinds = [_kind_of(word) for word in vocabulary.words]
        self._masks: dict[frozenset[_Kind], Floats] = {}

    def text(self, script: Sequence[str]) -> str:
        return exact_text(words_of(script))

    def stream(
        self, words: int, sampling: Sampling, seed: Sequence[int], opening: Opening, draft: Draft | None = None
    ) -> Stream[Script]:
        if opening.speaker or opening.cast:
            hint = "begin the prompt with the name as the corpus prints it"
            raise BadInputError("a model of layout exact takes no speaker and no cast", hint, parameter="speaker")
        if _Kind.WORD not in self._kinds:
            raise BadInputError("the model knows no words", "train it on a larger corpus")
        page = _Page(self._vocabulary, self._kinds)
        draft = draft or Draft()
        draft.pieces = page.script
        random = np.random.default_rng(seed)
        logits = yield self._vocabulary.first
        for text, counted in (
            (opening.text, False),
            (opening.scene and f"{opening.scene}\n\n", True),
            (opening.prompt, True),
        ):
            for token in exact_tokens(without_controls(text)):
                for number in self._vocabulary.encode([token]).tolist():
                    logits = yield page.put(number)
            if not counted:
                page.used, draft.given = 0, len(page.script)
        if page.used > words:
            raise BadInputError(
                "the prompt does not fit", "ask for more --words or shorten the prompt", parameter="prompt"
            )
        draft.opened = True
        enough, most = max(1, enough_of(words)), len(page.script) + _LONGEST_SCRIPT * words
        while not (page.used >= enough and page.last is _Kind.LINE_END) and len(page.script) < most:
            logits = logits + self._mask(page.allowed(words))
            logits = yield page.put(choose(logits, sampling, random))
        if page.last is not _Kind.LINE_END:
            draft.pieces = [*page.whole, NEWLINE]
        return self.script(draft)

    def script(self, draft: Draft) -> Script:
        return Script(list(draft.pieces), draft.given or 0)

    def _mask(self, allowed: frozenset[_Kind]) -> Floats:
        mask = self._masks.get(allowed)
        if mask is None:
            written = np.array([kind in allowed for kind in self._kinds])
            mask = self._masks[allowed] = np.where(written, 0, -np.inf).astype(np.float32)
        return mask


class _Page:
    """The script so far; `used` counts its words, those that touch another one too."""

    def __init__(self, vocabulary: Vocabulary, kinds: Sequence[_Kind]) -> None:
        self.script: list[str] = []
        self.last = _Kind.LINE_END
        self.used = 0
        self._pieces = 0  # of the present word
        self._vocabulary = vocabulary
        self._kinds = kinds

    @property
    def whole(self) -> list[str]:
        """The script without markers that belong to a token that is still to come."""
        length = len(self.script)
        while length and self.script[length - 1] in exact.STRUCTURE:
            length -= 1
        return self.script[:length]

    def put(self, number: int) -> int:
        """Write one token down; returns its number, which the network reads next."""
        kind = self._kinds[number]
        starts = kind in (_Kind.WORD, _Kind.MARK, _Kind.UNWRITTEN)
        self.used += starts or (kind is _Kind.ATTACHED and self.last in (_Kind.LINE_END, _Kind.GAP))
        self._pieces = self._pieces + 1 if kind is _Kind.CONTINUATION else 1
        self.last = kind
        self.script.append(self._vocabulary.words[number])
        return number

    def allowed(self, words: int) -> frozenset[_Kind]:
        """Return the kinds of token that may come next where the script has at most so many words."""
        kinds = _FOLLOWERS[self.last]
        if self._pieces >= _LONGEST_WORD:
            kinds -= {_Kind.CONTINUATION}
        if self.used < words:
            return kinds
        # The last word may be finished and followed by a mark.
        ends = kinds & {_Kind.CONTINUATION, _Kind.LINE_END}
        attached = {_Kind.ATTACHED} if self.last in (_Kind.WORD, _Kind.CONTINUATION) else set()
        return (ends | attached) or frozenset((_Kind.LINE_END,))
