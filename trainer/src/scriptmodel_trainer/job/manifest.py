"""Manifests: which packs and files a version has. The operator checks what pods wrote; here paths are checked again."""

import json
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

MOST_BYTES, MOST_PACKS, MOST_FILES = 16 << 20, 1000, 100_000
MOST_OF_PACK = 256 << 20
"""Bytes beyond which a pack of several files must not grow."""
_LONGEST_PATH = 1024  # bytes
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f-\x9f]+)+")

Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Size = Annotated[int, Meta(ge=0, le=5 << 40)]


class File(Struct, frozen=True):
    """A file, and where it lies in a pack."""

    offset: Size
    pack: Annotated[int, Meta(ge=0, lt=MOST_PACKS)]
    path: str
    sha256: Digest
    size: Size

    def __post_init__(self) -> None:
        check_path(self.path)


class Pack(Struct, frozen=True):
    """An object that holds whole files, one after the other."""

    size: Size


class Manifest(Struct, frozen=True):
    """The content of a version."""

    schema: Literal[1]
    packs: Annotated[tuple[Pack, ...], Meta(max_length=MOST_PACKS)]
    files: Annotated[tuple[File, ...], Meta(max_length=MOST_FILES)]

    def __post_init__(self) -> None:
        for file in self.files:
            if file.pack >= len(self.packs) or file.offset + file.size > self.packs[file.pack].size:
                raise ValueError(f"{file.path[:200]} does not lie within pack {file.pack}")

    def within(self, folder: str) -> list[File]:
        """Return the files of one folder, `/` for all, as they lie in packs."""
        found = (file for file in self.files if file.path.startswith(f"{folder.rstrip('/')}/"))
        return sorted(found, key=lambda file: (file.pack, file.offset, file.size))


def check_path(path: str) -> None:
    """Raise ValueError unless a path names a file or folder below the root of a version, and nothing else."""
    if not _PATH.fullmatch(path) or len(path.encode()) > _LONGEST_PATH:
        raise ValueError(f"{path[:200]!a} is not a path of a version")


def manifest_from(content: bytes) -> Manifest:
    """Parse and check a manifest; ValueError says what is wrong."""
    try:
        return msgspec.json.decode(content, type=Manifest)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys and without spaces, in UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
