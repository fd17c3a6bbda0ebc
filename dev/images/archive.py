"""Reads an image from its docker-archive: sizes, configuration, and the packages that it contains."""

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from typing import Any

DPKG = "var/lib/dpkg/status"
GO_PROGRAM = "versitygw"
"""The one program of ours that is built from Go modules. The linker writes their names and versions into it."""
GO_MODULE = re.compile(r"^(?:mod|dep)\t(\S+)\t(v\S+)\th1:", re.MULTILINE)
GO_VERSION = re.compile(r"\xff Go buildinf:.{19}go([0-9.]+)", re.DOTALL)


@dataclass(frozen=True, order=True)
class Package:
    """One installed package; `kind` is `pypi`, `deb` or `golang`."""

    kind: str
    name: str
    version: str
    licence: str = ""
    architecture: str = ""


@dataclass(frozen=True)
class Content:
    """An image: its configuration, bytes per layer (unpacked, bottom first) and packages."""

    config: dict[str, Any]
    layers: tuple[int, ...]
    packages: tuple[Package, ...]

    @property
    def size(self) -> int:
        """Bytes, unpacked."""
        return sum(self.layers)


def configuration(archive: Path) -> str:
    """Return the name of an image's configuration, which has its digest."""
    with tarfile.open(archive) as outer:
        return str(_manifest(outer)["Config"])


def _manifest(outer: tarfile.TarFile) -> dict[str, Any]:
    found: dict[str, Any] = json.load(_file(outer, "manifest.json"))[0]
    return found


def read(archive: Path) -> Content:
    """Read an archive of one image."""
    with tarfile.open(archive) as outer:
        manifest = _manifest(outer)
        config: dict[str, Any] = json.load(_file(outer, manifest["Config"]))
        sizes, wanted = [], dict[str, str]()
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=_file(outer, name), mode="r:*") as layer:
                sizes.append(_apply(layer, wanted))
    return Content(config, tuple(sizes), tuple(sorted(_packages(wanted))))


def _file(outer: tarfile.TarFile, name: str) -> Any:
    handle = outer.extractfile(name)  # follows the links by which an archive names a layer twice
    if handle is None:
        raise ValueError(f"{name} is no file in {outer.name!r}")
    return handle


def _apply(layer: tarfile.TarFile, wanted: dict[str, str]) -> int:
    """Add a layer's records of packages to `wanted`, remove those that it deletes, and return its size in bytes."""
    size = 0
    for member in layer:
        path = member.name.removeprefix("./").removeprefix("/")
        name = PurePosixPath(path).name
        if name.startswith(".wh."):
            gone = str(PurePosixPath(path).with_name(name.removeprefix(".wh.")))
            for known in [k for k in wanted if k == gone or k.startswith(gone + "/")]:
                del wanted[known]
        size += member.size
        if member.isfile() and path == GO_PROGRAM:
            wanted[path] = _file(layer, member.name).read().decode("latin-1")
        elif member.isfile() and (path == DPKG or path.endswith(".dist-info/METADATA")):
            wanted[path] = _file(layer, member.name).read().decode("utf-8", "replace")
    return size


def _packages(records: dict[str, str]) -> Iterator[Package]:
    parser = HeaderParser()
    for path, text in records.items():
        if path == GO_PROGRAM:
            versions = [("stdlib", version) for version in GO_VERSION.findall(text)]
            yield from (Package("golang", name, version) for name, version in versions + GO_MODULE.findall(text))
            continue
        if path != DPKG:
            found = parser.parsestr(text)
            licence = found.get("License-Expression") or ""
            yield Package("pypi", str(found["Name"]), str(found["Version"]), licence)
            continue
        for paragraph in text.strip().split("\n\n"):
            found = parser.parsestr(paragraph)
            if str(found["Status"]).endswith(" installed"):
                yield Package("deb", str(found["Package"]), str(found["Version"]), "", str(found["Architecture"]))
