"""Documents of word processors (.docx, .odt): the paragraphs of their text, as plain text or as a screenplay.

A document whose paragraph styles are those of screenplays becomes an FDX file, so its styles say who speaks; any other
is what saving it as plain text gives. Comments, notes, deleted text, macros and the targets of links are dropped.
"""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from scriptmodel_trainer.corpus import archives
from scriptmodel_trainer.errors import BadInputError

_PARTS = {".docx": ("word/styles.xml", "word/document.xml"), ".odt": ("styles.xml", "content.xml")}
"""The parts of each kind that are read: styles, then text."""
_HEADING = "General"
_ELEMENTS = {
    "sceneheading": "Scene Heading",
    "slug": "Scene Heading",
    "character": "Character",
    "parenthetical": "Parenthetical",
    "dialogue": "Dialogue",
    "dialog": "Dialogue",
    "transition": "Transition",
    "heading": _HEADING,
    "title": _HEADING,
}
"""Elements of a screenplay in FDX, by what the name of a paragraph style begins with."""
_DROPPED = frozenset(
    ("del", "moveFrom", "pPrChange", "rPrChange", "Fallback", "annotation", "note", "tracked-changes", "sectPr")
)
_WHITE = {"tab": "\t", "br": "\n", "cr": "\n", "line-break": "\n", "noBreakHyphen": "-"}
_DEEPEST = 500  # elements within each other
_MOST_SPACES = 100


def is_document(name: str) -> bool:
    return name.lower().endswith(tuple(_PARTS))


def text_of(name: str, content: bytes, allowance: archives.Allowance) -> str:
    """Return the text of a document. Raises BadInputError, which names it, if it is damaged or too large."""
    suffix = "." + name.lower().rpartition(".")[2]
    wanted = _PARTS[suffix]
    parts = archives.parts_of(name, content, wanted, allowance)
    if wanted[1] not in parts:
        raise _error(name, f"has no {wanted[1]}")
    reader = _Reader(words_only_in="t" if suffix == ".docx" else "")
    for part in wanted:
        try:
            parser = DefusedXMLParser(target=reader)
            parser.feed(parts.get(part, b"<none/>"))
            parser.close()
        except (ParseError, DefusedXmlException, ValueError) as error:
            raise _error(name, f"cannot be read: {part}: {error}") from error
    elements = [reader.element(style) for style, _ in reader.paragraphs]
    zipped = zip(elements, reader.paragraphs, strict=True)
    if "Character" not in elements:
        # A heading stands apart by its style, in plain text by a line below it.
        apart = (f"{text}\n" if element == _HEADING else text for element, (_, text) in zipped)
        return "\n".join(apart) + "\n"
    lines = (f'<Paragraph Type="{element}"><Text>{escape(text)}</Text></Paragraph>' for element, (_, text) in zipped)
    return "\n".join(("<FinalDraft><Content>", *lines, "</Content></FinalDraft>", ""))


def _error(name: str, problem: str) -> BadInputError:
    return BadInputError(f"{name} {problem}", archives.SAVE_AGAIN)


class _Reader:
    """Target of the parser, for both kinds: collects the styles of a document and its paragraphs."""

    def __init__(self, words_only_in: str) -> None:
        self.paragraphs: list[tuple[str, str]] = []
        """Style and text of each."""
        self._styles: dict[str, tuple[str, str]] = {}
        """Name and parent of each style."""
        self._resolved: dict[str, str] = {}
        """Element of each style that was asked for."""
        self._words_only_in = words_only_in
        self._style = ""
        self._open: list[tuple[str, list[str]]] = []
        self._elements: list[str] = []
        self._dropped = 0

    def element(self, style: str) -> str:
        """Return the element of a screenplay that a style, or one that it is based on, stands for."""
        passed = []
        while style not in self._resolved:
            passed.append(style)
            name, parent = self._styles.get(style, (style, ""))
            plain = name.lower().replace("_20_", "").replace(" ", "")
            found = next((element for word, element in _ELEMENTS.items() if plain.startswith(word)), "")
            self._resolved[style] = found or "Action"  # where a circle of styles ends
            style = style if found else parent or style
        self._resolved.update(dict.fromkeys(passed, self._resolved[style]))
        return self._resolved[style]

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Receive the start of an element."""
        tag = _local(tag)
        given = {_local(name): value for name, value in attributes.items()}
        self._elements.append(tag)
        if len(self._elements) > _DEEPEST:
            raise ValueError(f"XML elements more than {_DEEPEST} deep")
        if self._dropped or tag in _DROPPED:
            self._dropped += 1
        elif tag == "style":
            self._style = given.get("styleId") or given.get("name", "")
            name = given.get("display-name") or self._style
            self._styles[self._style] = name, given.get("parent-style-name", "")
        elif tag in ("name", "basedOn") and self._elements[-2:-1] == ["style"]:
            name, parent = self._styles[self._style]
            value = given.get("val", "")
            self._styles[self._style] = (value, parent) if tag == "name" else (name, value)
        elif tag in ("p", "h"):
            self._open.append((given.get("style-name") or tag.replace("h", "heading"), []))
        elif self._open:
            self._within(tag, given)

    def _within(self, tag: str, given: Mapping[str, str]) -> None:
        """Receive the start of an element in a paragraph."""
        words = self._open[-1][1]
        if tag == "pStyle":
            self._open[-1] = given.get("val", ""), words
        elif tag == "s":
            count = given.get("c", "1")
            words.append(" " * min(int(count) if count.isdecimal() else 1, _MOST_SPACES))
        elif tag in _WHITE and "tabs" not in self._elements:  # which are tab stops
            words.append(_WHITE[tag])

    def data(self, text: str) -> None:
        """Receive text."""
        here = self._words_only_in in ("", self._elements[-1] if self._elements else "")
        if self._open and here and not self._dropped:
            self._open[-1][1].append(text)

    def end(self, tag: str) -> None:
        """Receive the end of an element."""
        tag = _local(tag)
        self._elements.pop()
        if self._dropped:
            self._dropped -= 1
        elif tag in ("p", "h"):
            style, words = self._open.pop()
            self.paragraphs.append((style, "".join(words)))

    def close(self) -> None:
        """Receive the end of a part."""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
