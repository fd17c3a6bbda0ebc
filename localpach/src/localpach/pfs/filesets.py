"""Sets of files: the changes of a commit (`Changes`) and all of its files (`Snapshot`)."""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from localpach.pfs.paths import SEPARATOR, key, split_key
from localpach.store import parts as parts_of


@dataclass(slots=True)
class Change:
    """A change of one file: ``cut`` deletes the previous content, then ``parts`` are appended unless they are None."""

    cut: bool = False
    parts: bytes | None = None


@dataclass
class Changes:
    """An ordered list of changes, reduced to one change for each file."""

    files: dict[str, Change] = field(default_factory=dict)

    def append(self, path: str, datum: str, parts: bytes) -> None:
        """Append bytes to a file, which is created if it does not exist."""
        change = self.files.setdefault(key(path, datum), Change())
        change.parts = (change.parts or b"") + parts

    def delete(self, path: str, datum: str) -> None:
        self.files[key(path, datum)] = Change(cut=True)

    def delete_added_below(self, prefix: str) -> None:
        """Discard the files that these changes added to a directory."""
        for name in [
            name for name, change in self.files.items() if name.startswith(prefix) and change.parts is not None
        ]:
            change = self.files[name]
            if change.cut:
                change.parts = None
            else:
                del self.files[name]

    def then(self, later: Changes) -> Changes:
        result = Changes({name: Change(c.cut, c.parts) for name, c in self.files.items()})
        for name, change in later.files.items():
            before = result.files.get(name)
            if before is None or change.cut:
                result.files[name] = Change(change.cut, change.parts)
            elif change.parts is not None:
                before.parts = (before.parts or b"") + change.parts
        return result

    def added_bytes(self) -> int:
        """Return the number of bytes that these changes add, including bytes that later changes overwrite."""
        return sum(parts_of.size(change.parts) for change in self.files.values() if change.parts)


class Snapshot:
    """All files of a commit, sorted by path. It is immutable."""

    def __init__(self, files: dict[str, bytes], keys: list[str] | None = None) -> None:
        self.files = files
        self.keys = sorted(files) if keys is None else keys
        self._size: int | None = None

    def __len__(self) -> int:
        return len(self.files)

    @property
    def size(self) -> int:
        if self._size is None:
            self._size = sum(parts_of.size(parts) for parts in self.files.values())
        return self._size

    def apply(self, changes: Changes) -> Snapshot:
        if not changes.files:
            return self
        files = dict(self.files)
        size = self.size
        membership_changed = False
        for name, change in changes.files.items():
            before = files.get(name)
            kept = b"" if before is None or change.cut else before
            if before is not None:
                size -= parts_of.size(before)
            if change.parts is None and (change.cut or before is None):
                if before is not None:
                    del files[name]
                    membership_changed = True
                continue
            after = kept + (change.parts or b"")
            files[name] = after
            size += parts_of.size(after)
            membership_changed |= before is None
        result = Snapshot(files, None if membership_changed else self.keys)
        result._size = size
        return result

    def below(self, path: str) -> Iterator[str]:
        """Yield the keys of the file ``path`` and of all files in the directory ``path``, sorted."""
        if path in ("", "/"):
            yield from self.keys
            return
        for index in range(bisect.bisect_left(self.keys, path + SEPARATOR), len(self.keys)):
            name = self.keys[index]
            if name.startswith((path + SEPARATOR, path + "/")):
                yield name
            elif not name.startswith(path):
                break

    def starting_with(self, prefix: str) -> Iterator[str]:
        for index in range(bisect.bisect_left(self.keys, prefix), len(self.keys)):
            if not self.keys[index].startswith(prefix):
                break
            yield self.keys[index]

    def first_conflict(self) -> str:
        """Return the first conflict between paths, in the real server's words; empty if there is none."""
        previous = None
        for name in self.keys:
            path, datum = split_key(name)
            if previous is not None:
                if previous[0] == path:
                    return (
                        f"duplicate path output by different datums ({path} from {previous[1]} and {path} from {datum})"
                    )
                if path.startswith(previous[0] + "/"):
                    return f"file / directory path collision ({path})"
            previous = (path, datum)
        return ""

    def conflict_after(self, changes: Changes) -> str:
        """Return the first conflict, given that there was none before ``changes``."""
        if len(changes.files) * 8 > len(self.keys):
            return self.first_conflict()
        suspects: set[int] = set()
        for name in changes.files:
            at = bisect.bisect_left(self.keys, name)
            suspects.update((at, at + 1))
        for at in sorted(suspects):
            if 0 < at < len(self.keys):
                pair = Snapshot({}, self.keys[at - 1 : at + 1])
                if conflict := pair.first_conflict():
                    return conflict
        return ""


EMPTY = Snapshot({})


class SnapshotCache:
    """A cache of the most recently used snapshots of finished commits, limited by the number of files."""

    def __init__(self, files: int) -> None:
        self._limit = files
        self._held = 0
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict()

    def get(self, commit: int) -> Snapshot | None:
        found = self._snapshots.get(commit)
        if found is not None:
            self._snapshots.move_to_end(commit)
        return found

    def put(self, commit: int, snapshot: Snapshot) -> None:
        if commit in self._snapshots:
            return
        self._snapshots[commit] = snapshot
        self._held += len(snapshot) + 1
        while self._held > self._limit and len(self._snapshots) > 1:
            _, dropped = self._snapshots.popitem(last=False)
            self._held -= len(dropped) + 1

    def discard(self, commit: int) -> None:
        dropped = self._snapshots.pop(commit, None)
        if dropped is not None:
            self._held -= len(dropped) + 1
