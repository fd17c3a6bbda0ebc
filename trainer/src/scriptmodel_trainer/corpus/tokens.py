"""Markers of the token stream, and events to tokens.

The stream is the one that the 2016 example trained on: names between `<boname>` and `<eoname>`, directions between
`<open-exp>` and `<close-exp>`, sentence ends as `<eos>`, `<question>`, `<exclamation>` or `<ellipsis>`.
"""

import itertools
import re

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.words import split_words
from scriptmodel_trainer.storage.controls import without_controls

EOS = "<eos>"
QUESTION = "<question>"
EXCLAMATION = "<exclamation>"
ELLIPSIS = "<ellipsis>"
OPEN_BRACKET = "<open-brack>"
CLOSE_BRACKET = "<close-brack>"
OPEN_QUOTE = "<boquote>"
CLOSE_QUOTE = "<eoquote>"
OPEN_NAME = "<boname>"
CLOSE_NAME = "<eoname>"
OPEN_EXPOSITION = "<open-exp>"
CLOSE_EXPOSITION = "<close-exp>"
LINE = "<line>"  # where a line of verse begins: in scripts that are printed, never in a stream
DOCUMENT = "<start of document>"  # in no text, whose tokens hold no spaces

ENDERS = frozenset((EOS, QUESTION, EXCLAMATION, ELLIPSIS))
PAIRS = {
    OPEN_BRACKET: CLOSE_BRACKET,
    OPEN_QUOTE: CLOSE_QUOTE,
    OPEN_NAME: CLOSE_NAME,
    OPEN_EXPOSITION: CLOSE_EXPOSITION,
}
MARKERS = frozenset((*ENDERS, *PAIRS.keys(), *PAIRS.values()))
EDGES = (OPEN_NAME, OPEN_EXPOSITION)
"""What a speech and a direction between speeches begin with."""
PUNCTUATION = frozenset((",", ";", ":", "--"))

OPENERS = {"[": OPEN_BRACKET, "(": OPEN_BRACKET, "“": OPEN_QUOTE}
CLOSERS = {"]": OPEN_BRACKET, ")": OPEN_BRACKET, "”": OPEN_QUOTE}
"""The markers that marks of a text open, or close."""
_GROUPING = frozenset('[]()“”"')
_NOT_IN_NAME = re.compile(r"[^\w'’-]+|_+")


def name_token(speaker: str) -> str:
    """A speaker's name as one token: punctuation lost, words joined with underscores; empty if nothing is left."""
    cleaned = _NOT_IN_NAME.sub(" ", speaker).replace("'", "").replace("’", "").replace("-", " ")
    return "_".join(cleaned.split())


def event_tokens(event: Event) -> list[str]:
    """The tokens of one event; empty when it holds no words."""
    if event.kind is EventKind.VERBATIM:
        return without_controls(event.text).split()
    if event.kind is EventKind.CUT:
        return []
    body = _body(event.text)
    if not body:
        return []
    if event.kind is EventKind.SPEECH:
        name = name_token(event.speaker)
        return [OPEN_NAME, name, CLOSE_NAME, *body] if name else body
    if body[-1] not in ENDERS:
        body.append(EOS)  # an exposition always ends with an ender inside its braces
    return [OPEN_EXPOSITION, *body, CLOSE_EXPOSITION]


def _body(text: str) -> list[str]:
    """Words and markers of a text, brackets and quotes balanced, each sentence ended exactly once."""
    pieces = split_words(text)
    # A meaningless mark, such as a stray quote, may have been between two ends.
    pieces = [
        piece for before, piece in itertools.pairwise(["", *pieces]) if before not in ENDERS or piece not in ENDERS
    ]
    if not _GROUPING.isdisjoint(pieces):
        pieces = _balanced(pieces)
    if not any(map(is_word, pieces)):
        return []
    if _sentence_open(pieces):
        pieces.append(EOS)
    return pieces


def is_word(token: str) -> bool:
    """Return whether a token is a word, not a marker or punctuation."""
    return token not in MARKERS and token not in PUNCTUATION


def _sentence_open(tokens: list[str]) -> bool:
    """True if spoken words follow the last sentence end; words inside brackets are not spoken."""
    depth = 0
    for token in reversed(tokens):
        if token == CLOSE_BRACKET:
            depth += 1
        elif token == OPEN_BRACKET:
            depth -= 1
        elif depth == 0 and token in ENDERS:
            return False
        elif depth == 0 and is_word(token):
            return True
    return False


def _balanced(pieces: list[str]) -> list[str]:
    """Turn brackets and quotes into markers that nest properly; a stray closer is dropped, an open one closed."""
    out: list[str] = []
    stack: list[str] = []
    for piece in pieces:
        if piece not in _GROUPING:
            if not (piece in ENDERS and out and out[-1] in ENDERS):  # a stray bracket may have been between
                out.append(piece)
            continue
        opener = OPENERS.get(piece)
        if piece == '"':
            opener = None if OPEN_QUOTE in stack else OPEN_QUOTE
        if opener is not None:
            if opener not in stack:  # a bracket inside a bracket adds nothing
                out.append(opener)
                stack.append(opener)
            continue
        opener = CLOSERS.get(piece, OPEN_QUOTE)
        if opener in stack:
            _close_down_to(opener, stack, out)
    if stack:
        _close_down_to(stack[0], stack, out)
    return out


def _close_down_to(last: str, stack: list[str], out: list[str]) -> None:
    while True:
        opener = stack.pop()
        if out[-1] == opener:
            out.pop()  # an empty group says nothing
        else:
            out.append(PAIRS[opener])
        if opener == last:
            return
