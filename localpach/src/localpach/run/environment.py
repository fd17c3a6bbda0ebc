"""Images are environments here: a folder whose `bin/` goes first on the PATH of the command."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

TMP = Path("/tmp")  # noqa: S108  # what jobs see there is decided in this module
# What belongs to the server and not to the machine; a TMPDIR of the server's is not there for a job.
_PRIVATE = ("LOCALPACH_", "PYTHON", "VIRTUAL_ENV", "PYTEST_", "COVERAGE_", "TMPDIR")


class Images:
    """Which environment stands for which image."""

    def __init__(self, environments: Mapping[str, Path]) -> None:
        self._environments = dict(environments)

    def variables(self, image: str) -> dict[str, str]:
        """The environment variables of a command in an image."""
        found = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
        folder = self._environments.get(image)
        if folder is not None:
            found["PATH"] = f"{folder / 'bin'}{os.pathsep}{found.get('PATH', os.defpath)}"
        return found

    def kept_in_tmp(self) -> list[str]:
        """The entries of the real `/tmp` that commands may need, although they get a `/tmp` of their own."""
        paths = [*self._environments.values(), *map(Path, os.environ.get("PATH", "").split(os.pathsep))]
        return sorted({name for path in paths if (name := _entry_of_tmp(path)) is not None})


def parse_images(texts: Iterable[str]) -> dict[str, Path]:
    """`NAME=ENVIRONMENT` pairs as a mapping. Raises ValueError with what is wrong with one."""
    found: dict[str, Path] = {}
    for text in texts:
        name, separator, folder = text.partition("=")
        if not separator or not name or not folder:
            raise ValueError(f"{text!r} is not NAME=ENVIRONMENT")
        path = Path(folder).expanduser().absolute()
        if not (path / "bin").is_dir():
            raise ValueError(f"{path} has no bin/, so it is no environment for image {name}")
        found[name] = path
    return found


def _entry_of_tmp(path: Path) -> str | None:
    try:
        relative = path.absolute().relative_to(TMP)
    except ValueError:
        return None
    return relative.parts[0] if relative.parts else None
