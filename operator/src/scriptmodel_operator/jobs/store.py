"""Versions in the bucket: files go in as packs and a manifest, and come out verified."""

import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from pydantic import TypeAdapter, ValidationError

from scriptmodel_operator.api.identity import JOBS
from scriptmodel_operator.engine.errors import EngineError, NotFoundError, RefusedError
from scriptmodel_operator.engine.values import Upload
from scriptmodel_operator.jobs.manifest import (
    MAX_MANIFEST_BYTES,
    File,
    Manifest,
    Pack,
    first_problem,
    namespace_of,
    only,
    parse,
    replaced,
)
from scriptmodel_operator.jobs.packing import MAX_PACK_BYTES, Packing
from scriptmodel_operator.jobs.ports import Bucket

MOST_PACKS = 64
"""A version of more packs is compacted: a job document has room for 200 URLs."""
_PIECE_BYTES = 8 << 20
_MOST_COPIED_BYTES = 5 << 30
"""The size of the largest object that a server copies at once: a larger one goes through the operator."""
_MOST_READ_BYTES = 1 << 27
_CACHED_FILES = 200_000
_READERS = 8
ENGINE_KEY, _MOST_ENGINE_BYTES = "v1/engine.json", 1024
_MOST_RESULT_BYTES = 4096
_ID = re.compile(r"[0-9a-f]{64}")


def engine_id(bucket: Bucket) -> str:
    """Return which engine the bucket holds, as `api/identity.py` has it; an empty bucket becomes a new one."""
    try:
        found = bucket.get(ENGINE_KEY, _MOST_ENGINE_BYTES)
    except NotFoundError:
        found = bucket.create(ENGINE_KEY, json.dumps({"id": str(uuid4())}).encode(), _MOST_ENGINE_BYTES)
    try:
        return f"{JOBS}/{UUID(json.loads(found)['id'])}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise RefusedError(
            f"reading {ENGINE_KEY}", "it is not the id of an engine: is the bucket used otherwise?"
        ) from None


@dataclass(frozen=True, slots=True)
class Result:
    """The attempt that computed a run, and the id of the manifest of what it stored."""

    attempt: int
    manifest: str


_RESULT = TypeAdapter(Result)


class Versions:
    """Thread-safe. Each method may raise UnavailableError and AccessError, too."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._cache: OrderedDict[tuple[str, str], Manifest] = OrderedDict()

    def put_files(self, namespace: str, files: Iterable[Upload]) -> Manifest:
        """Store files in packs and return their version, whose manifest is not stored yet. After an error, which may be
        one of `files`, nothing is left.
        """
        packing = Packing(f"v1/{namespace}/uploads/{uuid4().hex}", files)
        try:
            for key, content in packing:
                self._bucket.put(key, content)
            return packing.manifest()
        except BaseException:
            with suppress(EngineError):  # then packs are left that nothing refers to
                self._bucket.delete([pack.key for pack in packing.packs])
            raise

    def store(self, namespace: str, manifest: Manifest) -> str:
        """Store a manifest and return its id. Raises RefusedError if it is too large."""
        _check_namespace(namespace, manifest)
        data = manifest.encode()
        if len(data) > MAX_MANIFEST_BYTES:
            raise RefusedError("storing a manifest", f"it has more than {MAX_MANIFEST_BYTES >> 20} MiB")
        self._bucket.put(manifest_key(namespace, manifest.id), data)
        self._remember(namespace, manifest)
        return manifest.id

    def load(self, namespace: str, version: str) -> Manifest:
        """Return the manifest of a version. Raises NotFoundError, and RefusedError if it was changed."""
        what = f"reading version {namespace}@{version[:64]}"
        if not _ID.fullmatch(version):
            raise NotFoundError(what, "that is not the id of a version")
        with self._lock:
            if (namespace, version) in self._cache:
                self._cache.move_to_end((namespace, version))
                return self._cache[namespace, version]
        data = self._bucket.get(manifest_key(namespace, version), MAX_MANIFEST_BYTES)
        if hashlib.sha256(data).hexdigest() != version:
            raise RefusedError(what, "its manifest was changed in the bucket: its SHA-256 is not the id")
        manifest = parse(data)
        _check_namespace(namespace, manifest)
        self._remember(namespace, manifest)
        return manifest

    def read_file(self, manifest: Manifest, path: str, limit: int) -> bytes:
        """Return at most `limit` bytes from the start of a file. Raises NotFoundError.

        A whole file is verified. A part is not: for that, all of it would have to be read.
        """
        return self._read(manifest, manifest.file(path), limit)

    def read_files(self, manifest: Manifest, glob: str, limit: int) -> Mapping[str, bytes]:
        """Return the files that match (`*` and `?`), by path; a folder that matches counts with all its files.

        Of each file there are at most `limit` bytes.
        """
        parts = (re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") for part in glob.split("/") if part)
        pattern = re.compile("".join(f"/{part}" for part in parts) + "(/.*)?")
        files = [each for each in manifest.files if pattern.fullmatch(each.path)]
        if sum(min(each.size, limit) for each in files) > _MOST_READ_BYTES:
            raise RefusedError(f"reading {glob} of version {manifest.id}", f"more than {_MOST_READ_BYTES >> 20} MiB")
        with ThreadPoolExecutor(_READERS) as pool:
            contents = pool.map(lambda each: self._read(manifest, each, limit), files)
            return {each.path: content for each, content in zip(files, contents, strict=True)}

    def check_sizes(self, manifest: Manifest) -> None:
        """Check that the packs are in the bucket with their sizes. Raises RefusedError."""
        listed: dict[str, int] = {}
        for folder in dict.fromkeys(pack.key.rpartition("/")[0] for pack in manifest.packs):
            listed |= self._bucket.sizes(folder)
        for pack in manifest.packs:
            if pack.key not in listed:
                raise RefusedError("checking a version", f"its pack {pack.key} is missing")
            if listed[pack.key] != pack.size:
                raise RefusedError("checking a version", f"{pack.key} has {listed[pack.key]} bytes, not {pack.size}")

    def copy_to(self, namespace: str, manifest: Manifest, paths: Iterable[str]) -> Manifest:
        """Return the version with these files only, in packs of a namespace. The server copies packs of others."""
        wanted = only(manifest, paths)
        return replace(wanted, packs=tuple(self._copied(namespace, pack) for pack in wanted.packs))

    def compacted(self, namespace: str, manifest: Manifest) -> Manifest:
        """Return the version in few packs, if it has many: after many uploads most are small, and become one."""
        if len(manifest.packs) <= MOST_PACKS:
            return manifest
        small = [each for each in manifest.files if manifest.packs[each.pack].size < MAX_PACK_BYTES // 4]
        new = self.put_files(namespace, ((each.path, self._pieces(manifest, each)) for each in small))
        for file in small:
            if new.file(file.path).sha256 != file.sha256:
                self.discard(new, manifest)
                raise _changed(manifest, file)
        return replace(replaced(manifest, new), made_from=manifest.made_from)

    def keep_result(self, namespace: str, run_hash: str, attempt: int, manifest: Manifest) -> str:
        """Store what an attempt made as the result of its run, and return the id of the manifest."""
        self.store(namespace, manifest)
        self._bucket.put(_result_key(namespace, run_hash), _RESULT.dump_json(Result(attempt, manifest.id)))
        return manifest.id

    def result(self, namespace: str, run_hash: str) -> Result | None:
        """Return the result of a run, which is not run again then; None without one."""
        key = _result_key(namespace, run_hash)
        try:
            return _RESULT.validate_json(self._bucket.get(key, _MOST_RESULT_BYTES))
        except NotFoundError:
            return None
        except ValidationError as error:
            raise RefusedError(f"reading {key}", f"it is not valid ({first_problem(error)}): delete it") from error

    def discard(self, uploaded: Manifest, kept: Manifest) -> None:
        """Delete the packs of `put_files` that a version does not use."""
        self._bucket.delete([pack.key for pack in uploaded.packs if pack not in kept.packs])

    def _copied(self, namespace: str, pack: Pack) -> Pack:
        """Copy a pack once. Its source may have changed since, if whoever wrote it still has the URL."""
        if namespace_of(pack.key) == namespace:
            return pack
        folder = f"v1/{namespace}/uploads/copy-{hashlib.sha256(f'{pack.key} {pack.sha256}'.encode()).hexdigest()[:32]}"
        target = f"{folder}/pack-0000"
        if self._bucket.sizes(folder).get(target) == pack.size:
            pass
        elif pack.size > _MOST_COPIED_BYTES:
            self._bucket.put(target, self._range(pack.key, 0, pack.size))
        else:
            self._bucket.copy(pack.key, target)
        return replace(pack, key=target)

    def _read(self, manifest: Manifest, file: File, limit: int) -> bytes:
        content = b"".join(self._pieces(manifest, file, limit))
        if len(content) == file.size and hashlib.sha256(content).hexdigest() != file.sha256:
            raise _changed(manifest, file)
        return content

    def _pieces(self, manifest: Manifest, file: File, limit: int | None = None) -> Iterator[bytes]:
        pack = manifest.packs[file.pack]
        end = file.offset + min(file.size, file.size if limit is None else limit)
        try:
            yield from self._range(pack.key, file.offset, end)
        except NotFoundError as error:  # the file is there, its bytes are lost
            raise RefusedError(f"reading {file.path}", f"its pack is missing: {error}") from error

    def _range(self, key: str, start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, _PIECE_BYTES):
            yield self._bucket.get_range(key, at, min(_PIECE_BYTES, end - at))

    def _remember(self, namespace: str, manifest: Manifest) -> None:
        with self._lock:
            self._cache[namespace, manifest.id] = manifest
            self._cache.move_to_end((namespace, manifest.id))
            while len(self._cache) > 1 and sum(1 + len(each.files) for each in self._cache.values()) > _CACHED_FILES:
                self._cache.popitem(last=False)


def manifest_key(namespace: str, version: str) -> str:
    return f"v1/{namespace}/manifests/{version}.json"


def _result_key(namespace: str, run_hash: str) -> str:
    return f"v1/{namespace}/runs/{run_hash}/result.json"


def _check_namespace(namespace: str, manifest: Manifest) -> None:
    for pack in manifest.packs:
        if namespace_of(pack.key) != namespace:
            raise RefusedError("reading a manifest", f"{pack.key} is not a pack of namespace {namespace}")


def _changed(manifest: Manifest, file: File) -> RefusedError:
    pack = manifest.packs[file.pack].key
    return RefusedError(
        f"reading {file.path} of version {manifest.id}", f"its SHA-256 is not that of its manifest: {pack} was changed"
    )
