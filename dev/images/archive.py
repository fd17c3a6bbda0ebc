"""Reads an image from its docker-archive, and makes its layers independent of who built it."""

import hashlib
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Any


def configuration(archive: Path) -> str:
    """Return the name of an image's configuration, which has its digest."""
    with tarfile.open(archive) as outer:
        return str(_manifest(outer)["Config"])


_OVERLAY = "SCHILY.xattr.user.overlay."


def settle(archive: Path) -> None:
    """Take out of an image what depends on who built it.

    A build without root leaves overlay's own attributes in layers, and the history names intermediate images.
    """
    settled = archive.with_suffix(".settled")
    with tarfile.open(archive) as outer, tarfile.open(settled, "w") as written:
        manifest = _manifest(outer)
        config = json.load(_file(outer, manifest["Config"]))
        for step in config["history"]:
            step.pop("comment", None)
        for number, name in enumerate(manifest["Layers"]):
            with tempfile.TemporaryFile(dir=archive.parent) as layer:
                _write_layer(_file(outer, name), layer)
                digest = hashlib.file_digest(layer, "sha256").hexdigest()
                config["rootfs"]["diff_ids"][number] = f"sha256:{digest}"
                manifest["Layers"][number] = f"{digest}.tar"
                _add(written, f"{digest}.tar", layer)
        content = json.dumps(config, sort_keys=True).encode()
        manifest["Config"] = f"{hashlib.sha256(content).hexdigest()}.json"
        _add(written, manifest["Config"], io.BytesIO(content))
        _add(written, "manifest.json", io.BytesIO(json.dumps([manifest]).encode()))
    settled.replace(archive)


def _write_layer(content: IO[bytes], target: IO[bytes]) -> None:
    with (
        tarfile.open(fileobj=content, mode="r:*") as layer,
        tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as written,
    ):
        for member in layer:
            headers = member.pax_headers.items()
            member.pax_headers = {name: value for name, value in headers if not name.startswith(_OVERLAY)}
            written.addfile(member, layer.extractfile(member) if member.isreg() else None)
    target.seek(0)


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = content.seek(0, io.SEEK_END)
    content.seek(0)
    archive.addfile(entry, content)


def _manifest(outer: tarfile.TarFile) -> dict[str, Any]:
    found: dict[str, Any] = json.load(_file(outer, "manifest.json"))[0]
    return found


def _file(outer: tarfile.TarFile, name: str) -> Any:
    handle = outer.extractfile(name)  # follows the links by which an archive names a layer twice
    if handle is None:
        raise ValueError(f"{name} is no file in {outer.name!r}")
    return handle
