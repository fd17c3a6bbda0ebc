"""Names in an archive: which are refused, and how they are called in Pachyderm. Pure."""

from __future__ import annotations

import re

from scriptmodel_operator.ingest.failures import invalid

MAX_PATH = 1000
_DRIVE = re.compile(r"^[A-Za-z]:/")
_REFUSED_BY_PACHYDERM = re.compile(r"[^ -~]|[*?\[\]{}!()@+^]")
_SHOWN = 80


def clean(name: str) -> str:
    """`name` without empty and `.` parts; "" for the root itself. SourceError for what would lead outside."""
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
    """Absolute; what Pachyderm does not allow in a path is percent-encoded, such as `(` and `é`."""
    return "/" + _REFUSED_BY_PACHYDERM.sub(_percent, path)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def shown(name: str) -> str:
    """For messages: printable and not long."""
    text = name.encode("ascii", "backslashreplace").decode()
    text = "".join(character if character.isprintable() else "?" for character in text)
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")
