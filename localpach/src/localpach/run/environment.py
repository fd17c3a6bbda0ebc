"""Images are mapped to environments: folders whose `bin/` is put first on the PATH of the command."""

import os
from collections.abc import Iterable
from pathlib import Path

TMP = Path("/tmp")  # noqa: S108  # this module decides which entries jobs get
# Variables of the server that jobs do not get; its TMPDIR does not exist in a job.
_PRIVATE = ("LOCALPACH_", "PYTHON", "VIRTUAL_ENV", "PYTEST_", "COVERAGE_", "TMPDIR")


def variables_in(environment: Path | None) -> dict[str, str]:
    """Return the environment variables of a command in the environment of its image; None for the server's PATH."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    if environment is not None:
        found["PATH"] = f"{environment / 'bin'}{os.pathsep}{found.get('PATH', os.defpath)}"
    return found


def kept_in_tmp(environments: Iterable[Path]) -> list[str]:
    """Return the entries of the real `/tmp` that commands may need although they get their own `/tmp`."""
    paths = [*environments, *map(Path, os.environ.get("PATH", "").split(os.pathsep))]
    return sorted({name for path in paths if (name := _entry_of_tmp(path)) is not None})


def parse_images(texts: Iterable[str]) -> dict[str, Path]:
    """Parse `NAME=ENVIRONMENT` pairs. Raises ValueError for an invalid one."""
    found: dict[str, Path] = {}
    for text in texts:
        name, separator, folder = text.partition("=")
        if not separator or not name or not folder:
            raise ValueError(f"{text!r} is not NAME=ENVIRONMENT")
        path = Path(folder).expanduser().absolute()
        if not (path / "bin").is_dir():
            raise ValueError(f"{path} is not an environment for image {name}: it has no bin/")
        found[name] = path
    return found


def _entry_of_tmp(path: Path) -> str | None:
    try:
        relative = path.absolute().relative_to(TMP)
    except ValueError:
        return None
    return relative.parts[0] if relative.parts else None
