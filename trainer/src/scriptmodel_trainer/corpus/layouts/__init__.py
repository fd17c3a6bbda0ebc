"""The raw layouts of scripts, one module each, and the choice among them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import fountain, markdown, markup, stage_plays, verbatim
from scriptmodel_trainer.corpus.layouts.paragraphs import short_lines
from scriptmodel_trainer.corpus.layouts.survey import STYLES
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.errors import BadInputError

Parse = Callable[[Iterable[str], Sequence[str]], Iterator[Event]]
"""Turns the lines of a file into events, given also a sample of them."""
AUTO = "auto"
PLAIN = "plain"
_SURE = 0.5
_UNSURE = 0.12  # a script's layout that explains less of a file is not accepted


@dataclass(frozen=True, slots=True)
class Layout:
    """How scripts of one kind are read.

    `parse` turns lines into events, given also a sample of the file's lines; `score` rates how well a sample fits,
    from 0 to 1, always 0 for a layout that is only requested; `read` yields the lines of a file.
    """

    name: str
    parse: Parse
    score: Callable[[Sequence[str]], float] = lambda _: 0.0
    read: Callable[[Source], Iterator[str]] = reading.read_lines

    @property
    def is_printed(self) -> bool:
        return self.name in STYLES


def _of_script(name: str, parse: Parse, score: Callable[[Sequence[str]], float]) -> Layout:
    """A layout whose rules look into lines, which are kept short for them."""

    def parse_short(lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
        return parse(short_lines(lines), list(short_lines(sample)))

    return Layout(name, parse_short, lambda sample: score(list(short_lines(sample))))


IN_XML = {"fdx": markup.parse_fdx, "tei": markup.parse_tei}
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("normalized", verbatim.parse_normalized, verbatim.score_normalized),
        Layout(PLAIN, verbatim.parse_plain, verbatim.score_plain, reading.read_exactly),
        _of_script("markdown", markdown.parse, markdown.score),
        _of_script("fountain", fountain.parse, fountain.score),
        *(Layout(name, parse, read=markup.checked_lines) for name, parse in IN_XML.items()),
        *(
            _of_script(name, partial(stage_plays.parse, each), partial(stage_plays.score, each))
            for name, each in STYLES.items()
        ),
    )
}


def layout_named(name: str) -> Layout | None:
    """The layout of that name, None for `auto`; BadInputError for any other word."""
    if name == AUTO:
        return None
    if name not in LAYOUTS:
        raise BadInputError(f"unknown layout {name!r}", f"layouts are {', '.join((AUTO, *LAYOUTS))}")
    return LAYOUTS[name]


def detect(sample: Sequence[str], requested: Layout | None = None) -> tuple[Layout, float]:
    """The `requested` layout and 1; else the one that fits best, `plain` if none does, and its score from 0 to 1."""
    if requested is not None:
        return requested, 1.0
    if name := reading.xml_layout(sample):
        return LAYOUTS[name], 1.0
    return _best(sample)


def _best(sample: Sequence[str]) -> tuple[Layout, float]:
    scores = {name: layout.score(sample) for name, layout in LAYOUTS.items()}
    for name in sorted(scores, key=lambda name: -scores[name]):
        if scores[name] < _UNSURE:
            break
        if _fits(LAYOUTS[name], sample, sure=scores[name] >= _SURE):
            return LAYOUTS[name], scores[name]
    return LAYOUTS[PLAIN], scores[PLAIN]


def _fits(layout: Layout, sample: Sequence[str], *, sure: bool) -> bool:
    """Return whether the layout keeps any of the sample: it may take all of it for front matter.

    A layout that is `sure` is also accepted if the sample holds only names.
    """
    names_only = True
    for event in layout.parse(sample, sample):
        if event.kind is not EventKind.CUT:
            return True
        names_only = False
    return sure and names_only
