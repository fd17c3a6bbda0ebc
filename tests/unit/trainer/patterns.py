"""All regular expressions of the trainer, found by introspection, and inputs that make slow ones slow."""

import ast
import functools
import importlib
import itertools
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]

import scriptmodel_trainer
from scriptmodel_trainer.corpus.layouts.paragraphs import short_lines

_ROOT = Path(scriptmodel_trainer.__file__).parent
METHODS = ("match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split")
_FILLERS = (
    " ",
    "a",
    "A",
    "A ",
    "a ",
    "A-",
    ".",
    ". ",
    "_",
    "*",
    "=",
    "-",
    "(",
    "[",
    "1",
    "\n",
    " \n",
    "\n ",
    " \t",
    "A\n",
    "()",
)
_ENDS = ("", "!", "\n\0", "x", "\0")
_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}
_JOINING = ("screenplays", "fountain")  # modules that join paragraphs, with the blank lines between them
_WHOLE = ("trainer.formats",)  # modules that nothing keeps lines short for
_BLANK = re.compile(r"\n{60,}")
_FEW = 64  # characters; the call itself costs as much
_REFERENCE = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Pattern:
    """A compiled expression of a module, and the methods that the module calls on it."""

    module: str
    name: str
    compiled: re.Pattern[str]
    methods: frozenset[str]


def modules() -> list[Path]:
    return sorted(_ROOT.rglob("*.py"))


def patterns() -> list[Pattern]:
    found = []
    for path in modules():
        source = path.read_text("utf-8")
        if "re.compile(" not in source:
            continue
        name = ".".join(path.relative_to(_ROOT.parent).with_suffix("").parts)
        attributes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
        compiled = {
            key: value for key, value in vars(importlib.import_module(name)).items() if isinstance(value, re.Pattern)
        }
        for key, value in compiled.items():
            used = {node.attr for node in attributes if key in _names(node.value)}
            if isinstance(value.pattern, str):
                found.append(Pattern(name, key, value, frozenset(used) & frozenset(METHODS)))
    return found


def _names(node: ast.expr) -> set[str]:
    """The name that an expression is, or the two that it chooses from."""
    if isinstance(node, ast.IfExp):
        return _names(node.body) | _names(node.orelse)
    return {node.id} if isinstance(node, ast.Name) else set()


def attacks(pattern: re.Pattern[str], size: int) -> Iterator[str]:
    """Return texts of about `size` characters: the repeated part of the pattern, repeated, after its prefix."""
    tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    pumps = dict.fromkeys(_pumps(tree, ""))
    single = dict.fromkeys(pump for _, pump in pumps)
    for prefix, pump in itertools.chain(pumps, itertools.product([""], (*single, *_FILLERS))):
        if pump:
            for end in _ENDS:
                yield prefix + pump * (size // len(pump)) + end
    for one, other in itertools.permutations(list(single)[:8], 2):
        yield (one + other) * (size // len(one + other) if one + other else 0)


def _pumps(tree: Iterable[tuple[object, object]], before: str) -> Iterator[tuple[str, str]]:
    """Return (prefix, repeated part) for each repetition without a small limit."""
    for code, value in tree:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            _, most, body = value  # type: ignore[misc]
            if most > 20:
                for sample in _samples(body):
                    yield before, sample
            yield from _pumps(body, before)
        elif code is codes.SUBPATTERN:
            yield from _pumps(value[-1], before)  # type: ignore[index]
        elif code is codes.BRANCH:
            for branch in value[1]:  # type: ignore[index]
                yield from _pumps(branch, before)
        elif code is codes.ATOMIC_GROUP:
            yield from _pumps(value, before)  # type: ignore[arg-type]
        before += next(iter(_samples([(code, value)])), "")


def _samples(tree: Iterable[tuple[object, object]]) -> list[str]:
    """A few texts that these parts of a pattern match."""
    found = [""]
    for code, value in tree:
        found = [text + more for text in found for more in _of(code, value)][:6]
    return found


def _of(code: object, value: object) -> list[str]:  # noqa: PLR0911 - one answer for each kind of part
    if code is codes.LITERAL:
        return [chr(value)]  # type: ignore[arg-type]
    if code is codes.ANY or code is codes.NOT_LITERAL:
        return ["a", " ", "A"]
    if code is codes.IN:
        return _members(value)  # type: ignore[arg-type]
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, _, body = value  # type: ignore[misc]
        return [sample * max(1, least) for sample in _samples(body)]
    if code is codes.SUBPATTERN:
        return _samples(value[-1])  # type: ignore[index]
    if code is codes.ATOMIC_GROUP:
        return _samples(value)  # type: ignore[arg-type]
    if code is codes.BRANCH:
        return [sample for branch in value[1] for sample in _samples(branch)[:1]][:6]  # type: ignore[index]
    return [""]


def _members(inside: list[tuple[object, object]]) -> list[str]:
    if inside[0][0] is codes.NEGATE:
        expected = re.compile("".join(["[^", *map(_text, inside[1:]), "]"]))
        return [char for char in "aA 1.-\n(" if expected.match(char)][:4]
    expected = re.compile("".join(["[", *map(_text, inside), "]"]))
    return [char for char in "aA 1.-_\n\t('*[=" if expected.match(char)][:4] or [_first(inside)]


def _text(part: tuple[object, object]) -> str:
    code, value = part
    if code is codes.LITERAL:
        return re.escape(chr(value))  # type: ignore[arg-type]
    if code is codes.RANGE:
        return "-".join(re.escape(chr(end)) for end in value)  # type: ignore[attr-defined]
    return _CATEGORIES[value]


def _first(inside: list[tuple[object, object]]) -> str:
    code, value = inside[0]
    return chr(value) if code is codes.LITERAL else chr(value[0]) if code is codes.RANGE else "a"  # type: ignore[arg-type,index]


def reference() -> float:
    """Return the CPU seconds per character of a simple expression."""
    text = "and the sea, " * 20_000
    return min(_timed(_REFERENCE, "findall", text) for _ in range(3)) / len(text)


_first_reference = functools.cache(reference)


def slow(pattern: Pattern, longest: int, times: float) -> str:
    """Return how a pattern takes more than `times` the reference per character, for one of its worst texts, else "".

    A text has at most `longest` characters. What seems slow is measured again beside a new reference, since a busy
    machine changes its pace.
    """
    methods = pattern.methods & {"match", "fullmatch"}
    if pattern.methods != methods or not methods:
        methods |= {"finditer"}
    measures = (_first_reference, *(reference,) * 4)
    read = as_joined if pattern.module.endswith(_JOINING) else str if pattern.module.endswith(_WHOLE) else as_read
    for text in dict.fromkeys(map(read, attacks(pattern.compiled, longest))):
        for method in methods:
            allowed = times * max(len(text), _FEW)
            if all(_timed(pattern.compiled, method, text) > allowed * measure() for measure in measures):
                return f"{method} of {len(text)} characters like {text[:60]!r}"
    return ""


def as_read(text: str) -> str:
    """A text as rules meet it: lines kept short, none of them blank."""
    return "\n".join(line for line in short_lines(text.split("\n")) if line.strip())


def as_joined(text: str) -> str:
    """A text as rules meet it where paragraphs were joined: fewer than 60 line ends in a row."""
    return _BLANK.sub("\n" * 59, "\n".join(line.rstrip() for line in short_lines(text.split("\n"))))


def _timed(pattern: re.Pattern[str], method: str, text: str) -> float:
    started = time.process_time()
    result = getattr(pattern, method)(text)
    if method == "finditer":
        for _ in result:
            pass
    return time.process_time() - started
