"""How a browser comes in: by a code that works once, from then on by two secrets.

These are a cookie and the path below which all pages are. A cookie alone would not do: it goes to every port of its
host, and somebody else may listen at another one. It goes there only below its path, though, which nobody else knows.
"""

import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path


class Entrance:
    """The way in at the root of a server; `note` shows a line to the person who started it."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self.pages = f"/{secrets.token_urlsafe(16)}"
        """The path below which all pages are."""
        self.cookie, self._code = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.origin = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def address(self) -> str:
        """Return the address, to show, that lets the next browser in."""
        return f"{self.origin}/?code={self._code}"

    def file(self) -> Path:
        """Return a file to open in a browser, which goes to the address. It is gone afterwards, or after `close`."""
        self._folder = tempfile.TemporaryDirectory(prefix="scriptmodel-")
        file = Path(self._folder.name, "open.html")
        file.touch(mode=0o600)
        file.write_text(f'<!doctype html><meta http-equiv="refresh" content="0; url={self.address()}">\n')
        return file

    def enter(self, code: str) -> bool:
        """Return whether a code lets a browser in, which it does once."""
        if not secrets.compare_digest(code.encode(errors="surrogateescape"), self._code.encode()):
            return False
        self.close()
        self._code = secrets.token_urlsafe(16)
        self._note(f"A browser has entered; the address for another one: {self.address()}")
        return True

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
