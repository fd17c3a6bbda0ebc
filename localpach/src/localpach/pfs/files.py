"""The files of commits: all files of one (`Tree`), and changes of them (`Edit`)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from localpach.contents import Contents
from localpach.pfs.paths import key, matches, split_key
from localpach.state import Content, State

CACHED_TREES = 32


class Edit(NamedTuple):
    """A change of a file: ``content`` is appended. None deletes it, and all below a path that ends in a slash."""

    path: str
    datum: str
    content: Content | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a directory of a tree. The path of a directory ends in a slash, and it has no content."""

    path: str
    datum: str
    size: int
    digest: str
    content: Content | None = None


class Tree:
    """All files of a commit, by key. It never changes."""

    def __init__(self, files: dict[str, Content]) -> None:
        self.files = files
        self.keys = sorted(files)
        self.size = sum(content.size for content in files.values())
        self._entries: list[Entry] | None = None

    def conflict(self) -> str:
        """Return the first conflict between paths, in the real server's words; empty if there is none."""
        before, earlier = "", ""
        for name in self.keys:
            path, datum = split_key(name)
            if path == before:
                return f"duplicate path output by different datums ({path} from {earlier} and {path} from {datum})"
            if before and path.startswith(before + "/"):
                return f"file / directory path collision ({path})"
            before, earlier = path, datum
        return ""

    def walk(self, top: str = "/") -> Iterator[Entry]:
        """Yield the file ``top``, or the directory and all entries below it, each directory before its entries."""
        if self._entries is None:
            self._entries = _entries(self)
        inside = top.rstrip("/") + "/"
        return (entry for entry in self._entries if entry.path == top or entry.path.startswith(inside))

    def find(self, path: str) -> Entry | None:
        """Return the file or the directory at a path; the directory if there are both."""
        found = [entry for entry in self.walk(path) if entry.path in (path, path.rstrip("/") + "/")]
        return found[-1] if found else None

    def glob(self, pattern: re.Pattern[str], *, with_contents: bool = False) -> Iterator[Entry]:
        """Yield the entries that match a pattern, optionally with everything below matching directories."""
        inside = ""
        for entry in self.walk():
            if inside and entry.path.startswith(inside):
                yield entry
            elif matches(pattern, entry.path):
                inside = entry.path if with_contents and entry.content is None else ""
                yield entry


EMPTY_TREE = Tree({})


def _entries(tree: Tree) -> list[Entry]:
    found: list[Entry] = []
    directories: list[tuple[str, int, list[Entry]]] = []

    def close() -> None:
        """Give a directory its size and hash, which follow from those of its entries."""
        path, position, inner = directories.pop()
        digest = hashlib.blake2b(b"".join(bytes.fromhex(each.digest) for each in inner), digest_size=32).hexdigest()
        found[position] = Entry(path, "", sum(each.size for each in inner), digest)
        if directories:
            directories[-1][2].append(found[position])

    for name in tree.keys:
        path, datum = split_key(name)
        while directories and not path.startswith(directories[-1][0]):
            close()
        cut = path.find("/", len(directories[-1][0]) if directories else 0)
        while cut >= 0:
            directories.append((path[: cut + 1], len(found), []))
            found.append(Entry(path[: cut + 1], "", 0, ""))
            cut = path.find("/", cut + 1)
        content = tree.files[name]
        found.append(Entry(path, datum, content.size, content.digest, content))
        directories[-1][2].append(found[-1])
    while directories:
        close()
    return found


class Files:
    """Stores trees as contents, and applies changes to them."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self._cached = lru_cache(CACHED_TREES)(self._load)

    def tree(self, stored: Content | None) -> Tree:
        return EMPTY_TREE if stored is None else self._cached(stored)

    def apply(self, tree: Tree, edits: Sequence[Edit]) -> Tree:
        files = dict(tree.files)
        for path, datum, content in edits:
            name = key(path, datum)
            if content is not None:
                files[name] = self.contents.join(files[name], content) if name in files else content
            elif path.endswith("/"):
                files = {each: kept for each, kept in files.items() if not each.startswith(path)}
            else:
                files.pop(name, None)
        return Tree(files) if edits else tree

    def referenced(self, state: State) -> set[str]:
        """Return the digests of all contents that a state refers to."""
        found = {each.digest for each in (*state.trees.values(), *state.datums.values())}
        for stored in set(state.trees.values()):
            found |= {each.digest for each in self._load(stored).files.values()}
        return found

    def load(self, stored: Content) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(b"".join(self.contents.read(stored)))
        return found

    def store(self, value: object) -> Content:
        return self.contents.store([json.dumps(value).encode()])

    def _load(self, stored: Content) -> Tree:
        return Tree({name: Content(*each) for name, each in self.load(stored).items()})
