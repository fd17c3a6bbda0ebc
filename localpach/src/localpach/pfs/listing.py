"""A snapshot as a tree: directories are listed between the files, with the size and hash of their contents."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from localpach.errors import DataLossError
from localpach.pfs.filesets import Snapshot
from localpach.pfs.globs import Glob
from localpach.pfs.paths import split_key
from localpach.store import parts as parts_of
from localpach.store.contents import Contents


@dataclass(slots=True)
class Entry:
    """A file or a directory. The path of a directory ends in a slash, and it has no datum."""

    path: str
    datum: str
    size: int
    hash: bytes
    parts: bytes = b""

    @property
    def is_dir(self) -> bool:
        return self.path.endswith("/")


class Tree:
    """The files and directories of a snapshot, ordered by path.

    Create it in the transaction that has found the snapshot: from then on its contents are kept, also if the commit is
    deleted. ``name`` is what errors call the commit.
    """

    def __init__(self, snapshot: Snapshot, contents: Contents, name: str) -> None:
        self._snapshot = snapshot
        self._contents = contents
        self._name = name
        contents.keep(snapshot)

    def read(self, entry: Entry, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes of a file from an offset. Raises DataLossError if they are lost or damaged."""
        try:
            yield from self._contents.read(entry.parts, offset)
        except DataLossError as error:
            raise error.within(f"cannot read {self._name}:{entry.path}") from None

    def walk(self, top: str = "/", datum: str = "") -> Iterator[Entry]:
        """Yield the entry ``top`` and all entries below it. The root comes first unless the tree is empty."""
        keys = self._keys(self._snapshot.below(top), datum)
        yield from self._entries(keys, "" if top == "/" else top)

    def children(self, top: str, datum: str = "") -> Iterator[Entry]:
        """Yield the file ``top``, or the entries directly in the directory ``top``."""
        inside = "/" if top == "/" else top + "/"
        for entry in self.walk(top, datum):
            below = entry.path[len(inside) :].rstrip("/")
            if (entry.path == top and not entry.is_dir) or (below and "/" not in below):
                yield entry

    def glob(self, pattern: Glob) -> Iterator[Entry]:
        return (entry for entry in self._candidates(pattern, "") if pattern.matches(entry.path))

    def matched_with_contents(self, pattern: Glob, datum: str = "") -> Iterator[Entry]:
        """Yield the entries that match a pattern, and everything below matching directories."""
        inside: str | None = None
        for entry in self._candidates(pattern, datum):
            if inside is not None and entry.path.startswith(inside):
                yield entry
            elif pattern.matches(entry.path):
                inside = entry.path if entry.is_dir else None
                yield entry
            else:
                inside = None

    def _candidates(self, pattern: Glob, datum: str) -> Iterator[Entry]:
        prefix = pattern.literal_prefix
        if prefix == pattern.pattern:
            return self.walk(prefix, datum)
        top = prefix[: prefix.rfind("/")] or "/"
        return self.walk(top, datum)

    def _keys(self, names: Iterable[str], datum: str) -> Iterator[str]:
        return (name for name in names if not datum or split_key(name)[1] == datum)

    def _file(self, name: str) -> Entry:
        path, datum = split_key(name)
        parts = self._snapshot.files[name]
        try:
            digest = self._contents.hash(parts)
        except DataLossError as error:
            raise error.within(f"cannot read {self._name}:{path}") from None
        return Entry(path, datum, parts_of.size(parts), digest, parts)

    def _entries(self, names: Iterable[str], top: str) -> Iterator[Entry]:
        """Return all entries at and below ``top``, ordered by path, each directory before its contents."""
        out: list[Entry] = []
        open_dirs: list[tuple[int, list[bytes], int]] = []
        stack: list[str] = []

        def close() -> None:
            index, hashes, size = open_dirs.pop()
            stack.pop()
            entry = out[index]
            entry.size = size
            entry.hash = hashlib.blake2b(b"".join(hashes), digest_size=parts_of.DIGEST_SIZE).digest()
            if open_dirs:
                parent_index, parent_hashes, parent_size = open_dirs[-1]
                parent_hashes.append(entry.hash)
                open_dirs[-1] = (parent_index, parent_hashes, parent_size + size)

        for name in names:
            entry = self._file(name)
            while stack and not entry.path.startswith(stack[-1]):
                close()
            start = len(stack[-1]) if stack else len(top)
            if not stack and entry.path == top:
                out.append(entry)
                continue
            cut = entry.path.find("/", start)
            while cut >= 0:
                stack.append(entry.path[: cut + 1])
                open_dirs.append((len(out), [], 0))
                out.append(Entry(stack[-1], "", 0, b""))
                cut = entry.path.find("/", cut + 1)
            out.append(entry)
            if open_dirs:
                index, hashes, size = open_dirs[-1]
                hashes.append(entry.hash)
                open_dirs[-1] = (index, hashes, size + entry.size)
        while stack:
            close()
        return iter(out)


def differences(old: Iterator[Entry], new: Iterator[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Yield the entries that differ between two trees or exist in one only, ordered by path."""
    before, after = next(old, None), next(new, None)
    while before is not None or after is not None:
        if after is None or (before is not None and before.path < after.path):
            yield before, None
            before = next(old, None)
        elif before is None or after.path < before.path:
            yield None, after
            after = next(new, None)
        else:
            if before.hash != after.hash:
                yield before, after
            before, after = next(old, None), next(new, None)
