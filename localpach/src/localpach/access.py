"""Who may call: whoever may, runs commands as the user of this process.

The mode of a socket keeps others away. A port of loopback is open to every account of the machine, so it needs a token.
"""

import hmac
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localpach.errors import UnauthenticatedError

log = logging.getLogger(__name__)
HEADER = "authn-token"


@dataclass(frozen=True, slots=True)
class Token:
    """The token in a file, read at each call."""

    file: Path

    def check(self, metadata: Mapping[str, Any]) -> None:
        """Raise UnauthenticatedError for a client that does not send the token."""
        given = str(metadata.get(HEADER, ""))
        hint = f"localpach needs the one in {self.file}, for scriptmodel and its operator by --pachd-token-file"
        if not given:
            raise UnauthenticatedError(f"no authentication token: {hint}")
        if not hmac.compare_digest(given.encode(), self.file.read_text(encoding="utf-8").strip().encode()):
            raise UnauthenticatedError(f"provided auth token is corrupted or has expired: {hint}")

    def renew(self, port: str) -> None:
        """Write a new token, for its owner alone, and link to it where `scriptmodel` looks.

        It is new at each start: somebody else's program that took the port meanwhile may have been sent the old one.
        """
        self.file.unlink(missing_ok=True)
        with os.fdopen(os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        link = _link(port)
        try:
            link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.file)
        except OSError as error:
            log.warning("scriptmodel needs --pachd-token-file %s: cannot write %s: %s", self.file, link, error)

    def withdraw(self, port: str) -> None:
        """Remove what `renew` wrote, as long as nobody else can have the port."""
        for path in (_link(port), self.file):
            path.unlink(missing_ok=True)


def _link(port: str) -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "localpach" / port
