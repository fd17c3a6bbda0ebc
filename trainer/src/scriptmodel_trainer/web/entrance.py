"""Lets the browsers of the person in who started a server, and nobody else on the machine.

A browser enters once by a code, which only that person's terminal or a file of theirs has: programs' arguments can be
read by everybody. From then on it needs two values, a cookie and the path below which all pages are. A cookie alone
would not do: it goes to every port of its host, and somebody else may listen at another one. It goes there only below
its path, though, which nobody else knows.
"""

import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path


class Entrance:
    """The way in at a path of the server; `note` shows a line to the person who started it."""

    def __init__(self, base: str, note: Callable[[str], None]) -> None:
        self.base, self._note = base, note
        self.pages = f"{base}/{secrets.token_urlsafe(16)}"
        """The path below which all pages are."""
        self.cookie = secrets.token_urlsafe(16)
        self.origin = ""
        self._shown = self._filed = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def address(self) -> str:
        """Return a new address, to show, that lets one browser in; the one before is void."""
        self._shown = secrets.token_urlsafe(16)
        return self._with(self._shown)

    def file(self) -> Path:
        """Return a file to open in a browser, which lets it in. It is gone afterwards, or after `close`."""
        self._folder = tempfile.TemporaryDirectory(prefix="scriptmodel-")
        self._filed = secrets.token_urlsafe(16)
        file = Path(self._folder.name, "open.html")
        file.touch(mode=0o600)
        file.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={self._with(self._filed)}">\n')
        return file

    def enter(self, code: str) -> bool:
        """Return whether a code lets a browser in, which it does once."""
        if code and code == self._filed:
            self.close()
            return True
        if code and code == self._shown:
            self._note(f"A browser has entered; the address for another one: {self.address()}")
            return True
        return False

    def close(self) -> None:
        self._filed = ""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _with(self, code: str) -> str:
        return f"{self.origin}{self.base}/?code={code}"
