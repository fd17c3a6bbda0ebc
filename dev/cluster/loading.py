"""Images into the node's containerd: what `make images` has built, and what holds a pod together."""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

from dev.cluster.runtime import PAUSE, Runtime
from dev.images import engine
from dev.images.project import FOLDER, Image

PAUSE_ARCHIVE = FOLDER / "pause.tar"


class NoImageError(Exception):
    """An image was not built; the message says how to build it."""


def load(runtime: Runtime, images: list[Image]) -> list[str]:
    """Import each archive that the runtime does not have yet; return the names of those imported."""
    missing = [image.archive.name for image in images if not image.archive.exists()]
    if missing:
        raise NoImageError(f"build/images lacks {', '.join(missing)}: run `make images` first")
    archives = {image.tag: image.archive for image in images}
    archives[PAUSE] = _pause(images[0])
    record = runtime.images / "imported.json"
    known: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    there = set(runtime.ctr("images", "list", "--quiet").split())
    wanted = {tag: _identity(archive) for tag, archive in archives.items()}
    imported = [tag for tag, identity in wanted.items() if tag not in there or known.get(tag) != identity]
    for tag in imported:
        runtime.ctr("images", "import", str(archives[tag]))
        known[tag] = wanted[tag]
        record.write_text(json.dumps(known))
    return imported


def _identity(archive: Path) -> str:
    """Return the name of the image's configuration, which has its digest."""
    with tarfile.open(archive) as outer:
        manifest = outer.extractfile("manifest.json")
        if manifest is None:
            raise NoImageError(f"{archive} is no docker-archive")
        return str(json.load(manifest)[0]["Config"])


def _pause(base: Image) -> Path:
    """Build the image that holds a pod's namespaces: another of ours, asleep, so that it takes no further room."""
    builder = engine.find()
    with tempfile.TemporaryDirectory(prefix="scriptmodel-pause-") as folder:
        dockerfile = Path(folder, "Dockerfile")
        dockerfile.write_text(f'FROM {base.tag}\nENTRYPOINT ["/usr/bin/sleep", "infinity"]\nCMD []\n')
        builder.build(PAUSE, dockerfile, context=Path(folder))
    builder.save(PAUSE, PAUSE_ARCHIVE)
    return PAUSE_ARCHIVE
