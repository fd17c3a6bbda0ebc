"""Images into the node's containerd."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dev.cluster.runtime import PAUSE, Runtime
from dev.images import engine
from dev.images.archive import configuration
from dev.images.project import FOLDER, Image, image


class NoImageError(Exception):
    """An image was not built; the message says how to build it."""


def ours() -> dict[str, Path]:
    """Return the archives of the project's images, and of what holds a pod together, by tag."""
    built = [image("operator"), image("trainer"), image("s3")]
    missing = [each.archive.name for each in built if not each.archive.exists()]
    if missing:
        raise NoImageError(f"build/images lacks {', '.join(missing)}: run `make images` first")
    # There is no other program in it that could sleep.
    asleep = 'ENTRYPOINT ["/opt/scriptmodel-operator/bin/python3", "-ISc", "import signal; signal.pause()"]\nCMD []\n'
    return {each.tag: each.archive for each in built} | {PAUSE: derive(built[0], PAUSE, asleep)}


def derive(base: Image, tag: str, instructions: str) -> Path:
    """Build an image on one of ours that adds no files, and so takes no further room; return its archive."""
    builder = engine.find()
    with tempfile.TemporaryDirectory(prefix="scriptmodel-derived-") as folder:
        dockerfile = Path(folder, "Dockerfile")
        dockerfile.write_text(f"FROM {base.tag}\n{instructions}")
        builder.build(tag, dockerfile, context=Path(folder))
    archive = FOLDER / f"{tag.rpartition('/')[2].replace(':', '-')}.tar"
    builder.save(tag, archive)
    return archive


def load(runtime: Runtime, archives: Mapping[str, Path]) -> list[str]:
    """Import each archive that the runtime does not have yet; return the tags of those imported."""
    record = runtime.images / "imported.json"
    known: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    there = set(runtime.ctr("images", "list", "--quiet").split())
    wanted = {tag: configuration(archive) for tag, archive in archives.items()}
    imported = [tag for tag, identity in wanted.items() if tag not in there or known.get(tag) != identity]
    for tag in imported:
        runtime.ctr("images", "import", str(archives[tag]))
        known[tag] = wanted[tag]
        record.write_text(json.dumps(known))
    return imported
