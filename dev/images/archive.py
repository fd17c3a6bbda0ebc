"""Reads an image from its docker-archive."""

import json
import tarfile
from pathlib import Path
from typing import Any


def configuration(archive: Path) -> str:
    """Return the name of an image's configuration, which has its digest."""
    with tarfile.open(archive) as outer:
        return str(_manifest(outer)["Config"])


def sizes(archive: Path) -> list[int]:
    """Return the bytes of each layer of an image, unpacked, the lowest first."""
    found = []
    with tarfile.open(archive) as outer:
        for name in _manifest(outer)["Layers"]:
            with tarfile.open(fileobj=_file(outer, name), mode="r:*") as layer:
                found.append(sum(member.size for member in layer))
    return found


def _manifest(outer: tarfile.TarFile) -> dict[str, Any]:
    found: dict[str, Any] = json.load(_file(outer, "manifest.json"))[0]
    return found


def _file(outer: tarfile.TarFile, name: str) -> Any:
    handle = outer.extractfile(name)  # follows the links by which an archive names a layer twice
    if handle is None:
        raise ValueError(f"{name} is no file in {outer.name!r}")
    return handle
