"""The text of a script while it is written, as it continues the text that was given: whole words, up to a stop."""

from collections.abc import Sequence

from scriptmodel_trainer.generation.writer import Draft, Script, Writer


class Continuation:
    """What a script adds to a `given` text; nothing follows any of the texts in `stops`."""

    def __init__(self, writer: Writer, given: str, stops: Sequence[str] = ()) -> None:
        self._writer, self._stops = writer, stops
        self._typography = writer.typography(given)
        self._space = len(given) - len(given.rstrip())
        self.sent = 0  # characters
        self.stopped = False

    def more(self, draft: Draft) -> str:
        """Return what can be said for certain of a script that is being written and was not returned yet."""
        if draft.given is None:
            return ""
        text = self._text(self._writer.script(draft))
        text = self._cut(text[: max(text.rfind(" "), text.rfind("\n"), 0)])  # the last word may change
        if not self.stopped:  # a stop may have begun
            text = text[: max(0, len(text) - max(map(len, self._stops), default=0))]
        return self._new(text)

    def rest(self, script: Script) -> str:
        """Return what was not returned of a script that is complete."""
        return self._new(self._cut(self._text(script)))

    def _new(self, text: str) -> str:
        new = text[self.sent :]
        self.sent += len(new)
        return new

    def _cut(self, text: str) -> str:
        found = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        self.stopped = bool(found)
        return text[: min(found)] if found else text

    def _text(self, script: Script) -> str:
        """Return the new text, set like the given one; it starts with the space that that does not end with."""
        text = self._writer.added(script)
        text = self._typography.text(text) if self._typography else text
        space = len(text) - len(text.lstrip())
        return text[min(space, self._space) :]
