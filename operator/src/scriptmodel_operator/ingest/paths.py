"""Names in an archive: which are refused, and how they are called in Pachyderm. Pure."""

from __future__ import annotations

import re

from scriptmodel_operator.ingest.failures import invalid

MAX_PATH = 1000
_DRIVE = re.compile(r"^[A-Za-z]:/")
_REFUSED_BY_PACHYDERM = re.compile(r"[^ -~]|[*?\[\]{}!()@+^\\]")
_SHOWN = 80


def clean(name: str) -> str:
    """Return `name` without empty and `.` parts; "" for the root. Raises SourceError for a path out of the archive."""
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise invalid(f"the archive has the absolute path {shown(name)}: pack it with relative paths")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise invalid(f"the archive has the path {shown(name)}, which leads outside: pack it without `..`")
    if len(path) > MAX_PATH:
        raise invalid(f"the archive has a path of {len(path)} characters ({shown(name)}): at most {MAX_PATH} are taken")
    return "/".join(parts)


def in_pachyderm(path: str) -> str:
    """Return the absolute path in Pachyderm, with characters that it does not allow or cannot read back, such
    as `(`, `é` and `\\`, percent-encoded.
    """
    return "/" + _REFUSED_BY_PACHYDERM.sub(_percent, path)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def shown(name: str) -> str:
    """Return a name for messages: printable and short."""
    text = name.encode("ascii", "backslashreplace").decode()
    text = "".join(character if character.isprintable() else "?" for character in text)
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
