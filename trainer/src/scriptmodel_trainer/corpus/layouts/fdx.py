"""Screenplays of Final Draft and of the programs that export to it (FDX): a paragraph for each element."""

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts import fountain, markup
from scriptmodel_trainer.corpus.layouts.directions import without_brackets
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, plain
from scriptmodel_trainer.corpus.layouts.rules import Explain

_HEADINGS = frozenset(("Scene Heading", "New Act", "End of Act"))
_WORDS = frozenset(("Dialogue", "Parenthetical", "Lyrics", "Singing"))
_DROPPED = frozenset(
    ("Transition", "Cast List", "Show/Ep. Title", "Outline 1", "Outline 2", "Outline 3", "Outline Body")
)
# Elements within the content that are no part of the script; of the root's, only the content is.
_OUT = frozenset(("TitlePage", "ScriptNote", "SceneProperties", "Summary", "HeaderAndFooter", "Alts"))
_CONTENT = "Content"


class _Reader(markup.MarkupReader):
    """Joins the paragraphs of a speech; a paragraph may hold others, side by side."""

    def __init__(self, explain: Explain) -> None:
        super().__init__(explain)
        self._elements: list[str] = []
        self._out = 0  # how many elements are open since one that is out
        self._paragraphs: list[tuple[str, int, list[str]]] = []  # open ones: kind, line, text
        self._dropped: list[str] = []
        self._cue = ""
        self._cue_line = 0
        self._said: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = markup.local_name(tag)
        if self._out or tag in _OUT or (len(self._elements) == 1 and tag != _CONTENT):
            self._out += 1
        elif tag == "Paragraph":
            self._paragraphs.append((attributes.get("Type", ""), self.line, []))
        elif tag == "Tab":
            self.data(" ")
        self._elements.append(tag)

    def data(self, text: str) -> None:
        if self._out:
            self._dropped.append(text)
        elif self._paragraphs and self._elements[-1] in ("Text", "Tab"):
            self._paragraphs[-1][2].append(text)

    def end(self, tag: str) -> None:
        tag = self._elements.pop()
        if self._out:
            self._out -= 1
            if not self._out:
                self.cut(" ".join(" ".join(self._dropped).split()), self.line, tag)
                self._dropped.clear()
        elif tag == "Paragraph":
            kind, line, parts = self._paragraphs.pop()
            if text := "".join(parts).strip():
                self._read(kind, text, line)
        elif tag == _CONTENT:
            self._end_speech()

    def _read(self, kind: str, text: str, line: int) -> None:
        if kind in _WORDS and self._cue:
            self._said.append(f"({text})" if kind == "Parenthetical" and text[0] != "(" else text)
            return
        self._end_speech()
        if kind == "Character":
            self._cue, self._cue_line = text, line
        elif kind in _HEADINGS:
            self.give(Event(EventKind.HEADING, plain(text), line=line), kind)
        elif kind in _DROPPED:
            self.cut(text, line, kind)
        else:
            words = Event(EventKind.EXPOSITION, without_brackets(text), line=line, doubtful=kind in _WORDS)
            self.give(words, kind or "Paragraph")

    def _end_speech(self) -> None:
        cue, said = self._cue, "\n".join(self._said)
        self._cue, self._said = "", []
        spoken = fountain.dialogue(f"@{cue.strip(' @:^')}\n{said}") if said else None
        if spoken:
            for event in fountain.speech(Paragraph(said, self._cue_line), spoken):
                self.give(event, "Character")
        elif cue:
            self.give(
                Event(EventKind.EXPOSITION, plain(f"{cue} {said}"), line=self._cue_line, doubtful=True), "Character"
            )


parse = markup.parse_with(_Reader)
