"""The files of commits: all files of one (`Tree`), and changes of files that are in progress (`Changes`)."""

from __future__ import annotations

import bisect
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from localpach.contents import Contents
from localpach.pfs.paths import key, matches, split_key
from localpach.state import Content, State

CACHED_TREES = 32


@dataclass(slots=True)
class Change:
    """A change of one file: ``cut`` deletes its content, then ``added`` is appended unless it is None."""

    cut: bool = False
    added: Content | None = None


@dataclass
class Changes:
    """Changes of files, by key."""

    files: dict[str, Change] = field(default_factory=dict)

    @property
    def added_bytes(self) -> int:
        return sum(change.added.size for change in self.files.values() if change.added)

    def delete(self, path: str, datum: str) -> None:
        self.files[key(path, datum)] = Change(cut=True)

    def delete_added_below(self, prefix: str) -> None:
        """Discard the files that these changes added to a directory."""
        for name, change in list(self.files.items()):
            if name.startswith(prefix) and change.added is not None:
                change.added = None
                if not change.cut:
                    del self.files[name]


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

    def starting_with(self, prefix: str) -> list[str]:
        start = bisect.bisect_left(self.keys, prefix)
        return self.keys[start : bisect.bisect_left(self.keys, prefix + chr(0x10FFFF))]

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

    def save(self, tree: Tree) -> Content:
        return self.store(tree.files)

    def append(self, changes: Changes, path: str, datum: str, content: Content) -> None:
        """Append a content to a file, which is created if it does not exist."""
        change = changes.files.setdefault(key(path, datum), Change())
        change.added = content if change.added is None else self.contents.join(change.added, content)

    def apply(self, tree: Tree, changes: Changes) -> Tree:
        files = dict(tree.files)
        for name, change in changes.files.items():
            if change.cut:
                files.pop(name, None)
            if change.added is not None:
                before = files.get(name)
                files[name] = change.added if before is None else self.contents.join(before, change.added)
        return Tree(files) if changes.files else tree

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
