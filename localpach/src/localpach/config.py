"""Settings of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from localpach.run.isolation import Isolation

SOCKET = "unix:"
"""How the address of a socket starts."""


@dataclass(frozen=True, slots=True)
class PodSettings:
    """Settings of workers that are pods.

    ``image`` has localpach, for the steps that fetch and upload. They connect to ``transfer``, where the server listens
    on ``transfer_listen``. ``scratch`` limits `/pfs`, as a quantity; empty for no limit.
    """

    namespace: str
    image: str
    transfer: str
    transfer_listen: str
    scratch: str = ""
    pull_secrets: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a server.

    ``listen`` is HOST:PORT, whose clients need the token in ``token_file``, or unix:PATH. Without that file a token is
    made in the root. ``isolation`` None selects the strongest isolation that the machine allows. With ``pods`` workers
    are pods. ``downloads`` are the hosts from which it fetches URLs; None for any.
    """

    root: Path
    listen: str = "127.0.0.1:30650"
    images: Mapping[str, Path] = field(default_factory=dict)
    isolation: Isolation | None = None
    settle: float = 1.0
    fsync: bool = True
    pods: PodSettings | None = None
    token_file: Path | None = None
    downloads: frozenset[str] | None = None
