"""Scripts in XML, detected by content and read as a stream: well-formed, within limits, without entities."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.rules import Decision, Explain, Parse, silent
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.errors import BadInputError

_MOST = 1 << 26  # characters of a file: the parser holds a whole attribute or text
_DEEPEST = 500  # elements within each other


class MarkupReader:
    """Target of the parser: collects events. This class yields no events and checks the nesting."""

    def __init__(self, explain: Explain) -> None:
        self.events: list[Event] = []
        self.line = 0
        self._explain = explain
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Receive the start of an element."""
        del tag, attributes
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"XML elements more than {_DEEPEST} deep")

    def end(self, tag: str) -> None:
        """Receive the end of an element."""
        del tag
        self._depth -= 1

    def data(self, text: str) -> None:
        """Receive text."""

    def give(self, event: Event, rule: str) -> None:
        """Add an event, unless it holds no text, and explain it."""
        if event.text.strip():
            self._explain(Decision(event.line, event.kind.value, rule))
            self.events.append(event)

    def cut(self, text: str, line: int, rule: str) -> None:
        """Add text that is no part of the script."""
        self.give(Event(EventKind.CUT, text, line=line), rule)


def local_name(tag: str) -> str:
    """Return the name of an element without its namespace."""
    return tag.rpartition("}")[2]


def checked_lines(source: Source) -> Iterator[str]:
    """Yield the lines of a file; BadInputError, which names it, unless it is XML that can be read."""
    try:
        for _ in _events(reading.read_lines(source), MarkupReader(silent)):
            pass
    except ValueError as error:
        raise BadInputError(f"{source.name}: {error}", "save it again, or leave it out") from error
    yield from reading.read_lines(source)


def parse_with(reader: Callable[[Explain], MarkupReader]) -> Parse:
    """Return the parser of a layout, given what reads its elements."""

    def parse(lines: Iterable[str], sample: Sequence[str], explain: Explain = silent) -> Iterator[Event]:
        del sample
        try:
            yield from _events(lines, reader(explain))
        except ValueError as error:
            raise BadInputError(str(error)) from error

    return parse


def _events(lines: Iterable[str], reader: MarkupReader) -> Iterator[Event]:
    """Yield what the reader gives; ValueError if the lines are no XML that can be read."""
    parser = DefusedXMLParser(target=reader)
    size = 0
    try:
        for reader.line, line in enumerate(lines, 1):
            size += len(line)
            if size > _MOST:
                raise ValueError(f"more than {_MOST:,} characters of XML")
            parser.feed(f"{line}\n")
            yield from reader.events
            reader.events.clear()
        parser.close()
        yield from reader.events
    except ParseError as error:
        raise ValueError(f"not well-formed XML: {error}") from error
    except DefusedXmlException as error:
        raise ValueError(f"XML with entities, which are not read: {error}") from error
