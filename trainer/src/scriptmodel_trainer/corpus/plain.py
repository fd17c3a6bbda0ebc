"""The reversible token stream of plain text: tokens that give back a file byte for byte.

A word is written in small letters, and no token is spent on what usually is: one space between words, none before a
comma, a capital letter at the start of a line or a sentence. Markers record everything else. What a token cannot
hold, such as a control character or a byte that is no UTF-8, is written as its bytes.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from scriptmodel_trainer.corpus.tokens import EOS, OPEN_EXPOSITION, OPEN_NAME

NEWLINE = "<newline>"
PARAGRAPH = "<paragraph>"  # the end of a line and an empty line
SPACE = "<space>"  # one more than usual
JOIN = "<join>"  # none where one is usual
LOWER, CAPITAL, UPPER = "<lower>", "<capital>", "<upper>"  # case of the next word, where it is not the usual one
MARKERS = (NEWLINE, PARAGRAPH, SPACE, JOIN, LOWER, CAPITAL, UPPER)
BYTES = tuple(f"<0x{value:02X}>" for value in range(256))
ERRORS = "surrogateescape"
"""How bytes that are no UTF-8 are kept in a text."""

_LETTER = r"[^\W\d_]"
_CLITIC = rf"'(?:s|d|ll|st|t|re|ve|m|rt)(?!{_LETTER})"
_SHORTENED = rf"'(?:tis|twas|twere|twill|twould|twixt|tween|gainst|em|fore|mongst|scape)(?!{_LETTER})"
_WORD = rf"{_LETTER}+(?:(?!{_CLITIC})'{_LETTER}+)*"
_ATOM = re.compile(
    rf"(?P<line>\n\n?)|(?P<spaces> +)|(?P<word>{_CLITIC}|{_SHORTENED}|{_WORD})|(?P<mark>--|[^\w\s]|[\d_])|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_IS_CLITIC = re.compile(_CLITIC)
_TOKENS = {"\n": NEWLINE, "\n\n": PARAGRAPH}
LINE_ENDS = {token: text for text, token in _TOKENS.items()}
"""The text of each token that ends a line."""
_VALUES = {token: value for value, token in enumerate(BYTES)}
ATTACHED = frozenset((*",.;:!?)]'", "-", "--", *LINE_ENDS, *BYTES))
"""Tokens that usually touch what they follow."""
_NO_SPACE_AFTER = frozenset(("", "(", "[", "-", "--", *LINE_ENDS, *BYTES))
_CAPITAL_AFTER = frozenset(("", ".", "!", "?", *LINE_ENDS))
_CAPITAL_ALWAYS = frozenset(("i", "o"))


def _capital(word: str) -> str:
    first = 1 if word.startswith("'") else 0
    return word[:first] + word[first : first + 1].upper() + word[first + 1 :]


_CASES: dict[str, Callable[[str], str]] = {LOWER: str, CAPITAL: _capital, UPPER: str.upper}
GAPS = {SPACE: 1, JOIN: -1}
"""Markers of spaces."""
STRUCTURE = frozenset((*_CASES, *GAPS))
"""Markers that belong to the next token."""


def is_plain(tokens: Collection[str]) -> bool:
    """Return whether tokens are those of plain text: with its markers, without speeches or directions."""
    found = {*MARKERS, OPEN_NAME, OPEN_EXPOSITION}.intersection(tokens)
    return bool(found) and found.isdisjoint((OPEN_NAME, OPEN_EXPOSITION))


def plain_tokens(text: str, before: str = "") -> Iterator[str]:
    """Yield the tokens of a text, which `plain_text` gives back; `before` is the last token before it, no marker."""
    spaces = 0
    for match in _ATOM.finditer(text):
        if match.lastgroup == "spaces":
            spaces = len(match[0])
            continue
        for markers, token in _coded(match, before):
            usual = _space_between(before, token)
            if usual > spaces:
                yield JOIN
            for _ in range(spaces - usual):
                yield SPACE
            yield from markers
            yield token
            before, spaces = token, 0
    for _ in range(spaces):
        yield SPACE


def plain_text(tokens: Iterable[str]) -> str:
    """Return the text of any tokens; that of `plain_tokens` is the same byte for byte. `<eos>` ends a file."""
    written = bytearray()
    before, case, spaces = "", "", 0
    for token in tokens:
        if token == EOS:
            written += b" " * max(0, spaces)
            before, case, spaces = "", "", 0
        elif token in _CASES:
            case = token
        elif token in GAPS:
            spaces += GAPS[token]
        else:
            written += b" " * max(0, spaces + _space_between(before, token))
            written += _bytes(token, case or _usual_case(before, token))
            before, case, spaces = token, "", 0
    written += b" " * max(0, spaces)
    return written.decode("utf-8", ERRORS)


def _coded(match: re.Match[str], before: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the tokens of one word, mark, line end or character, each with the markers of its case."""
    atom = match[0]
    if match.lastgroup == "line":
        yield (), _TOKENS[atom]
    elif match.lastgroup == "word":
        yield _cased(atom, before)
    elif match.lastgroup == "mark" and atom.isprintable():
        yield (), atom
    else:
        yield from (((), BYTES[value]) for value in atom.encode("utf-8", ERRORS))


def _cased(word: str, before: str) -> tuple[tuple[str, ...], str]:
    small = word.lower()
    usual = _usual_case(before, small)
    if _CASES[usual](small) == word:
        return (), small
    for case, written in _CASES.items():
        if written(small) == word:
            return (case,), small
    return (LOWER,), word


def _usual_case(before: str, token: str) -> str:
    return CAPITAL if token in _CAPITAL_ALWAYS or before in _CAPITAL_AFTER else LOWER


def _space_between(before: str, token: str) -> int:
    """Return 1 where a space usually stands between two tokens, else 0."""
    attached = token in ATTACHED or before in _NO_SPACE_AFTER or _IS_CLITIC.fullmatch(token)
    return 0 if attached or (before.isdigit() and token.isdigit()) else 1


def _bytes(token: str, case: str) -> bytes:
    if token in _VALUES:
        return bytes([_VALUES[token]])
    if token in LINE_ENDS:
        return LINE_ENDS[token].encode()
    return _CASES[case](token).encode("utf-8", ERRORS)
