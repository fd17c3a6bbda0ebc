"""Settings of a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localpach.run.isolation import Isolation

SOCKET = "unix:"
"""How the address of a socket starts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a server.

    ``listen`` is HOST:PORT, whose clients need the token in ``token_file``, or unix:PATH. Without that file a token is
    made in the root. ``isolation`` None selects the strongest isolation that the machine allows.
    ``accept_loss`` lets a store that has lost its last changes continue from the state before them.
    """

    root: Path
    listen: str = "127.0.0.1:30650"
    images: Mapping[str, Path] = field(default_factory=dict)
    isolation: Isolation | None = None
    settle: float = 1.0
    fsync: bool = True
    accept_loss: bool = False
    token_file: Path | None = None
