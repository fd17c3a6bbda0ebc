"""Settings of a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localpach.run.isolation import Isolation


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a server. ``isolation`` None selects the strongest isolation that the machine allows."""

    root: Path
    listen: str = "127.0.0.1:30650"
    images: Mapping[str, Path] = field(default_factory=dict)
    pipeline_limit: int = 16
    isolation: Isolation | None = None
    settle: float = 1.0
    fsync: bool = False
