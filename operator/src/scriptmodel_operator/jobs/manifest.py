"""Manifests of versions: which file lies where in which pack. Pure; forms and bounds: docs/contributing/jobs.md."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from scriptmodel_operator.engine.errors import NotFoundError, RefusedError

MAX_MANIFEST_BYTES = 16 << 20
MAX_PACKS = 1000
MAX_FILES = 100_000
_MAX_VALUES = 1_000_000
"""More values in 16 MiB would take gigabytes of memory before they are refused."""
_MAX_PATH_BYTES = 1024
_MAX_OBJECT_BYTES = 5 << 40
"""The size of the largest object in S3."""
_KEY = re.compile(r"v1/([a-z0-9-]{1,63})/(uploads/[a-z0-9-]{1,63}|runs/[0-9a-f]{1,64}/[0-9]{1,9})/pack-[0-9]{4}")
_NAME = re.compile(r"pack-[0-9]{4}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]+)+")
_REFERENCE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,512}")


@dataclass(frozen=True, slots=True)
class Pack:
    """An object of the bucket that holds files, one after the other."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of a version: `size` bytes from `offset` of the pack with the index `pack`."""

    path: str
    size: int
    sha256: str
    pack: int
    offset: int


@dataclass(frozen=True)
class Manifest:
    """The files of a version by path, their packs, and the versions (repo, id) that it was made from."""

    packs: tuple[Pack, ...] = ()
    files: tuple[File, ...] = ()
    made_from: tuple[tuple[str, str], ...] = ()

    def encode(self) -> bytes:
        """Return the canonical form."""
        document = {
            "schema": 1,
            "packs": [{"key": each.key, "size": each.size, "sha256": each.sha256} for each in self.packs],
            "files": [
                {"path": each.path, "size": each.size, "sha256": each.sha256, "pack": each.pack, "offset": each.offset}
                for each in self.files
            ],
            "made_from": self.made_from,
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @cached_property
    def id(self) -> str:
        """The id of the version."""
        return hashlib.sha256(self.encode()).hexdigest()

    @cached_property
    def content(self) -> str:
        """A hash of paths and contents: versions that have it in common train nothing new."""
        lines = (f"{each.sha256} {each.size} {each.path}\n" for each in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def size(self) -> int:
        return sum(each.size for each in self.files)

    def file(self, path: str) -> File:
        """Return the file at a path. Raises NotFoundError."""
        if path not in self._by_path:
            raise NotFoundError(f"reading {path} of version {self.id}", "the version has no such file")
        return self._by_path[path]

    @cached_property
    def _by_path(self) -> Mapping[str, File]:
        return {each.path: each for each in self.files}


Form = tuple[Callable[[Any], bool], str]


def _text(pattern: re.Pattern[str], form: str) -> Form:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None, form


def _number(most: int) -> Form:
    return lambda value: type(value) is int and 0 <= value <= most, f"a number up to {most}"


def _are_versions(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(t, str) and _REFERENCE.fullmatch(t) for t in pair)
        for pair in value
    )


def _list(most: int) -> Form:
    return lambda value: isinstance(value, list) and len(value) <= most, f"a list of at most {most}"


_COMMON = {"size": _number(_MAX_OBJECT_BYTES), "sha256": _text(_SHA256, "a SHA-256")}
_NAMED_PACK: Mapping[str, Form] = {"name": _text(_NAME, "the name of a pack, as pack-0000"), **_COMMON}
_STORED_PACK: Mapping[str, Form] = {"key": _text(_KEY, "the key of a pack"), **_COMMON}
_FILE: Mapping[str, Form] = {
    "path": (lambda value: isinstance(value, str), "text"),
    "pack": _number(MAX_PACKS),
    "offset": _number(_MAX_OBJECT_BYTES),
    **_COMMON,
}
_OWN: Mapping[str, Form] = {
    "schema": (lambda value: type(value) is int and value == 1, "1"),
    "packs": _list(MAX_PACKS),
    "files": _list(MAX_FILES),
}
_STORED: Mapping[str, Form] = {**_OWN, "made_from": (_are_versions, "a list of repos and versions")}


def parse(data: bytes, *, prefix: str | None = None) -> Manifest:
    """Return the manifest of a version, or with `prefix` the one that an attempt wrote there, whose packs have names.

    Nothing in `data` is trusted. Raises RefusedError.
    """
    document = _fields(_json(data), "it", _STORED if prefix is None else _OWN)
    files = tuple(File(**found) for found in _each(document, "files", _FILE))
    if prefix is not None:
        named = _each(document, "packs", _NAMED_PACK)
        start = prefix.rstrip("/")
        packs = (Pack(f"{start}/{found['name']}", found["size"], found["sha256"]) for found in named)
        manifest = Manifest(tuple(packs), files)
        check(manifest)
        return manifest
    packs = (Pack(**found) for found in _each(document, "packs", _STORED_PACK))
    manifest = Manifest(tuple(packs), files, tuple((repo, version) for repo, version in document["made_from"]))
    check(manifest)
    if manifest.encode() != data:
        raise _invalid("it is not in the canonical form")
    return manifest


def encode_own(manifest: Manifest) -> bytes:
    """Return the manifest as a person writes it beside its packs."""
    document = json.loads(manifest.encode())
    packs = [{"name": each["key"].rpartition("/")[2], **each} for each in document["packs"]]
    for each in packs:
        del each["key"]
    return json.dumps({"schema": 1, "packs": packs, "files": document["files"]}).encode()


def _json(data: bytes) -> Any:
    if len(data) > MAX_MANIFEST_BYTES:
        raise _invalid(f"it has more than {MAX_MANIFEST_BYTES >> 20} MiB")
    if sum(map(data.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise _invalid(f"it has more than {_MAX_VALUES} values")
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is not JSON: {error}") from None


def _fields(value: Any, where: str, forms: Mapping[str, Form]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != forms.keys():
        raise _invalid(f"{where} does not have the fields {', '.join(forms)}, and no others")
    for name, (is_valid, form) in forms.items():
        if not is_valid(value[name]):
            raise _invalid(f"{name} of {where} is not {form}")
    return value


def _each(document: Mapping[str, Any], name: str, forms: Mapping[str, Form]) -> Iterator[dict[str, Any]]:
    return (_fields(each, f"{name}[{number}]", forms) for number, each in enumerate(document[name]))


def check_path(path: str) -> None:
    """Check the path of a file. Raises RefusedError."""
    if not _PATH.fullmatch(path) or len(path.encode()) > _MAX_PATH_BYTES:
        raise _invalid(f"{path[:100]!r} is not the path of a file, as /hamlet.txt, of at most {_MAX_PATH_BYTES} bytes")


def check(manifest: Manifest) -> None:
    """Check that files and packs agree with each other. Raises RefusedError."""
    if len(manifest.packs) > MAX_PACKS or len(manifest.files) > MAX_FILES:
        raise _invalid(f"it has more than {MAX_PACKS} packs or {MAX_FILES} files")
    keys = [each.key for each in manifest.packs]
    if len(set(keys)) < len(keys):
        raise _invalid("it has a pack twice")
    if any(one.path >= other.path for one, other in pairwise(manifest.files)):
        raise _invalid("its files are not sorted by path, or one is there twice")
    folders: set[str] = set()
    for file in manifest.files:
        check_path(file.path)
        parts = file.path.split("/")
        folders.update("/".join(parts[:end]) for end in range(2, len(parts)))
    for file in manifest.files:
        if file.path in folders:
            raise _invalid(f"{file.path!r} is a file and a folder")
    _check_places(manifest)


def _check_places(manifest: Manifest) -> None:
    """Check that no two files share bytes: a small pack could fill the disk of whoever unpacks it."""
    ends = [0] * len(manifest.packs)
    for file in sorted(manifest.files, key=lambda each: (each.pack, each.offset, each.size)):
        if file.pack >= len(ends):
            raise _invalid(f"{file.path!r} is in pack {file.pack}, which it does not list")
        if file.offset < ends[file.pack]:
            raise _invalid(f"{file.path!r} overlaps another file")
        ends[file.pack] = file.offset + file.size
        if ends[file.pack] > manifest.packs[file.pack].size:
            raise _invalid(f"{file.path!r} ends after its pack")


def combined(manifests: Iterable[Manifest]) -> Manifest:
    """Return the version with the files of all, as of the runs of a search. Raises RefusedError if two differ in one.

    The caller sets what it was made from.
    """
    found: dict[str, tuple[Pack, File]] = {}
    for manifest in manifests:
        for path, placed in _placed(manifest).items():
            if found.setdefault(path, placed)[1].sha256 != placed[1].sha256:
                raise _invalid(f"two runs wrote {path!r}")
    return _built(found)


def replaced(manifest: Manifest, new: Manifest, gone: Sequence[str] = ()) -> Manifest:
    """Return the version after an upload: the files of `new` over those of `manifest` without the paths in `gone`.

    A path in `gone` that ends with a slash removes all files below it.
    """
    folders = tuple(path for path in gone if path.endswith("/"))
    removed = {path for path in _placed(manifest) if path.startswith(folders)} | set(gone)
    kept = {path: placed for path, placed in _placed(manifest).items() if path not in removed}
    return replace(_built(kept | _placed(new)), made_from=new.made_from)


def below(manifest: Manifest, folder: str) -> Manifest:
    """Return the version with the files below a folder only, at their paths."""
    start = f"{folder.rstrip('/')}/"
    found = {path: placed for path, placed in _placed(manifest).items() if path.startswith(start)}
    return replace(_built(found), made_from=manifest.made_from)


def only(manifest: Manifest, paths: Iterable[str]) -> Manifest:
    """Return the version with these files only. Raises NotFoundError."""
    found = {path: (manifest.packs[manifest.file(path).pack], manifest.file(path)) for path in paths}
    return replace(_built(found), made_from=manifest.made_from)


def _placed(manifest: Manifest) -> dict[str, tuple[Pack, File]]:
    return {each.path: (manifest.packs[each.pack], each) for each in manifest.files}


def _built(placed: Mapping[str, tuple[Pack, File]]) -> Manifest:
    """Return the version of these files, with the packs that they are in, in the order of the first file of each."""
    files = [placed[path] for path in sorted(placed)]
    numbers = {pack: number for number, pack in enumerate(dict.fromkeys(pack for pack, _file in files))}
    manifest = Manifest(tuple(numbers), tuple(replace(file, pack=numbers[pack]) for pack, file in files))
    check(manifest)
    return manifest


def namespace_of(key: str) -> str:
    """Return the namespace that the pack with this key belongs to."""
    return key.split("/", 2)[1]


def _invalid(why: str) -> RefusedError:
    return RefusedError("reading a manifest", f"invalid: {why}")
