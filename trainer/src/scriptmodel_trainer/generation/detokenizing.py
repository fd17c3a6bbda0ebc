"""Tokens back to a script that people read: `[ NAME ]: text` for a speech, `{{ text }}` for an exposition."""

from collections.abc import Iterable

from scriptmodel_trainer.corpus import tokens
from scriptmodel_trainer.corpus.words import SHORTENED
from scriptmodel_trainer.generation.grammar import ATTACHED, Kind, kind_of, without_brackets

_ENDERS = {tokens.EOS: ".", tokens.QUESTION: "?", tokens.EXCLAMATION: "!", tokens.ELLIPSIS: "..."}
_OPENERS = {tokens.OPEN_BRACKET: "[", tokens.OPEN_QUOTE: '"'}
_JOINING = frozenset(("--", "¿", "¡", *_OPENERS))  # what follows attaches to them
_CLOSERS = {tokens.CLOSE_BRACKET: "]", tokens.CLOSE_QUOTE: '"'}
_BEGINS_LINE = {Kind.OPEN_NAME: "[", Kind.OPEN_EXPOSITION: "{{"}
_SET_IN = "    "
_ALONE = frozenset((tokens.OPEN_NAME, tokens.CLOSE_NAME, tokens.OPEN_EXPOSITION))  # nothing attaches to these


def detokenize(script: Iterable[str]) -> str:
    """Return the text of a script, ending with a newline: one speech or exposition a line, verse on more, set in."""
    lines: list[str] = []
    line = ""
    before = ""
    for token in script:
        kind = kind_of(token)
        if token == tokens.LINE:
            lines.append(line)
            line = _SET_IN
            continue
        if kind in _BEGINS_LINE:
            lines.append(line)
            line = _BEGINS_LINE[kind]
        elif kind is Kind.CLOSE_EXPOSITION:
            lines.append(f"{line} }}}}")
            line = ""
        else:
            line = _extended(line, token, kind, before)
        before = token
    lines.append(line)
    return "".join(f"{text}\n" for text in lines if text)


def _extended(line: str, token: str, kind: Kind, before: str) -> str:
    """Return the line with one more token; a token attaches to what belongs before it."""
    if kind is Kind.CLOSE_NAME:
        return f"{line} ]:"
    if before == tokens.OPEN_NAME:
        return f"{line} {token.replace('_', ' ')}"
    text = _ENDERS.get(token) or _CLOSERS.get(token) or _OPENERS.get(token) or without_brackets(token)
    if SHORTENED in (text[:1], text[-1:]):
        text = text.replace(SHORTENED, "'")
    if token == tokens.EOS and (before == "--" or without_brackets(before).endswith((".", "?", "!", "…"))):
        return line  # an interrupted speech is printed as `and so--`; words taken as they are may hold their full stop
    attached = (kind in ATTACHED and before not in _ALONE) or before.endswith(SHORTENED)
    if attached or line in ("", _SET_IN) or before in _JOINING:
        return line + text
    return f"{line} {text}"


def count_pieces(text: str) -> int:
    """Return words of a text as `wc -w` counts them: the measure of `--words`."""
    return len(text.split())
