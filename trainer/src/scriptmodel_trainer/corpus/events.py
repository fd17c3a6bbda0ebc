"""The elements of a script whose layout was recognised."""

import enum
from dataclasses import dataclass, field


class EventKind(enum.Enum):
    """The kinds of event; a heading is written as an exposition and also starts a new scene."""

    SPEECH = "speech"
    EXPOSITION = "exposition"
    HEADING = "heading"
    CUT = "cut"  # front and end matter, page furniture: no part of the stream, only counted
    VERBATIM = "verbatim"  # already in token form: the layouts `normalized` and `plain`


@dataclass(frozen=True, slots=True)
class Event:
    """One speech or direction: `text` as printed, `line` its first line (1-based, 0 if unknown).

    Lines of `text` are those of verse; prose is on one line.

    `continued` is True for a speech that continues after an exposition without its speaker's name,
    `doubtful` for a text that was taken for a direction only because nobody spoke. `play` is the title of the play that
    begins here, empty for all other events. `why` names the rule from each of these lines on.
    """

    kind: EventKind
    text: str
    speaker: str = ""
    line: int = 0
    continued: bool = False
    doubtful: bool = False
    play: str = ""
    why: tuple[tuple[int, str], ...] = field(default=(), compare=False)
