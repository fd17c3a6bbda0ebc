"""Manifests of versions: which file lies where in which pack. Pure; forms and bounds: docs/contributing/jobs.md."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Annotated, TypeVar

from pydantic import ConfigDict, FailFast, Field, Strict, TypeAdapter, ValidationError

from scriptmodel_operator.engine.errors import NotFoundError, RefusedError

MAX_MANIFEST_BYTES = 16 << 20
MAX_PACKS = 1000
MAX_FILES = 100_000
_MAX_VALUES = 1_000_000
"""More values in 16 MiB would take gigabytes of memory before they are refused."""
_MAX_PATH_BYTES = 1024
_KEY = r"^v1/([a-z0-9-]{1,63})/(uploads/[a-z0-9-]{1,63}|runs/[0-9a-f]{1,64}/[0-9]{1,9})/pack-[0-9]{4}$"
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+)+")
"""Without what controls a terminal, or the direction in which a path is shown."""


_Size = Annotated[int, Strict(), Field(ge=0, le=5 << 40)]
"""Up to that of the largest object in S3."""
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Reference = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,512}$")]
_Schema = Annotated[int, Strict(), Field(ge=1, le=1)]
_FORM = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Pack:
    """An object of the bucket that holds files, one after the other."""

    __pydantic_config__ = _FORM
    key: Annotated[str, Field(pattern=_KEY)]
    size: _Size
    sha256: _Sha256


@dataclass(frozen=True, slots=True)
class File:
    """A file of a version: `size` bytes from `offset` of the pack with the index `pack`."""

    __pydantic_config__ = _FORM
    path: str
    size: _Size
    sha256: _Sha256
    pack: Annotated[int, Strict(), Field(ge=0)]
    offset: _Size


_Files = Annotated[tuple[File, ...], FailFast(), Field(max_length=MAX_FILES)]


@dataclass(frozen=True)
class Manifest:
    """The files of a version by path, their packs, and the versions (repo, id) that it was made from."""

    __pydantic_config__ = _FORM
    packs: Annotated[tuple[Pack, ...], FailFast(), Field(max_length=MAX_PACKS)] = ()
    files: _Files = ()
    made_from: Annotated[tuple[tuple[_Reference, _Reference], ...], FailFast()] = ()
    schema: _Schema = 1

    def encode(self) -> bytes:
        """Return the canonical form."""
        document = _ADAPTER.dump_python(self)
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


@dataclass(frozen=True, slots=True)
class _Named:
    """A pack as an attempt or a person lists it, below a prefix of their own."""

    __pydantic_config__ = _FORM
    name: Annotated[str, Field(pattern="^pack-[0-9]{4}$")]
    size: _Size
    sha256: _Sha256


@dataclass(frozen=True, slots=True)
class _Own:
    __pydantic_config__ = _FORM
    schema: _Schema
    packs: Annotated[tuple[_Named, ...], FailFast(), Field(max_length=MAX_PACKS)]
    files: _Files


_ADAPTER, _OWN = TypeAdapter(Manifest), TypeAdapter(_Own)
Form = TypeVar("Form")


def parse(data: bytes, *, prefix: str | None = None) -> Manifest:
    """Return the manifest of a version, or with `prefix` the one that an attempt wrote there, whose packs have names.

    Nothing in `data` is trusted. Raises RefusedError.
    """
    if prefix is not None:
        own = _parsed(_OWN, data)
        packs = (Pack(f"{prefix.rstrip('/')}/{each.name}", each.size, each.sha256) for each in own.packs)
        manifest = Manifest(tuple(packs), own.files)
    else:
        manifest = _parsed(_ADAPTER, data)
    check(manifest)
    if prefix is None and manifest.encode() != data:
        raise _invalid("it is not in the canonical form")
    return manifest


def encode_own(manifest: Manifest) -> bytes:
    """Return the manifest as a person writes it beside its packs."""
    packs = tuple(_Named(each.key.rpartition("/")[2], each.size, each.sha256) for each in manifest.packs)
    return _OWN.dump_json(_Own(1, packs, manifest.files))


def _parsed(adapter: TypeAdapter[Form], data: bytes) -> Form:
    if len(data) > MAX_MANIFEST_BYTES:
        raise _invalid(f"it has more than {MAX_MANIFEST_BYTES >> 20} MiB")
    if sum(map(data.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        raise _invalid(f"it has more than {_MAX_VALUES} values")
    try:
        return adapter.validate_python(json.loads(data.decode()))  # validate_json takes three times the memory
    except ValidationError as error:
        raise _invalid(first_problem(error)) from None
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is not JSON: {error}") from None


def first_problem(error: ValidationError) -> str:
    """Return where the first error is, and what is wrong there."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")


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
