"""Manifests: which packs and files a version has. Those that are read may be hostile."""

import itertools
import json
import re
from collections.abc import Iterable, Sequence
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


class Pack(Struct, frozen=True):
    """An object that holds whole files, one after the other."""

    sha256: Digest
    size: Size


class File(Struct, frozen=True):
    """A file and where it lies."""

    offset: Size
    pack: Annotated[int, Meta(ge=0, lt=MOST_PACKS)]
    path: str
    sha256: Digest
    size: Size

    def __post_init__(self) -> None:
        check_path(self.path)

    @property
    def end(self) -> int:
        return self.offset + self.size


class Manifest(Struct, frozen=True):
    """The content of a version."""

    schema: Literal[1]
    packs: Annotated[tuple[Pack, ...], Meta(max_length=MOST_PACKS)]
    files: Annotated[tuple[File, ...], Meta(max_length=MOST_FILES)]

    def __post_init__(self) -> None:
        paths = [file.path for file in self.files]
        if any(first >= second for first, second in itertools.pairwise(paths)):
            raise ValueError("its files are not sorted by path")
        known = set(paths)
        for path in paths:
            if any(path[:end] in known for end, char in enumerate(path) if char == "/"):
                raise ValueError(f"{path[:200]} lies below a file")
        for pack, files in self.by_pack(self.files):
            ends = [0, *(file.end for file in files)]
            if pack >= len(self.packs) or ends[-1] > self.packs[pack].size:
                raise ValueError(f"its files do not lie within pack {pack}")
            if any(file.offset < end for file, end in zip(files, ends, strict=False)):
                raise ValueError(f"files of pack {pack} overlap")

    def within(self, folder: str) -> list[File]:
        """Return the files of one folder, `/` for all."""
        return [file for file in self.files if file.path.startswith(f"{folder.rstrip('/')}/")]

    @staticmethod
    def by_pack(files: Iterable[File]) -> Iterable[tuple[int, list[File]]]:
        """Yield the number of each pack with its files, in the order in which they lie in it."""
        ordered = sorted(files, key=lambda file: (file.pack, file.offset, file.end))
        for pack, group in itertools.groupby(ordered, key=lambda file: file.pack):
            yield pack, list(group)


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


def packed(sizes: Sequence[int]) -> list[int]:
    """Return the number of the pack of each file, in order, of files of these sizes."""
    numbers, number, held = [], -1, MOST_OF_PACK + 1
    for size in sizes:
        if held + size > MOST_OF_PACK:
            number, held = number + 1, 0
        numbers.append(number)
        held += size
    return numbers
