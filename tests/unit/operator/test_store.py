"""Versions in a bucket: what is packed is read again, verified; what is shared is neither moved nor deleted."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from scriptmodel_operator.engine.errors import NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.jobs import packing
from scriptmodel_operator.jobs import store as storing
from scriptmodel_operator.jobs.bucket import ObstoreBucket
from scriptmodel_operator.jobs.manifest import Manifest, combined, only
from scriptmodel_operator.jobs.store import Versions, engine_id

PLAYS = {"/hamlet.txt": b"To be", "/acts/1.txt": b"", "/acts/2.txt": b"or not"}


class CountingBucket(ObstoreBucket):
    """Counts the calls, as `get v1/...`."""

    def __init__(self) -> None:
        super().__init__(MemoryStore(), "s3://plays")
        self.calls: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("get", "get_range", "put", "create", "sizes", "copy", "delete"):
            return found

        def counted(*args: Any) -> Any:
            self.calls.append(f"{name} {args[0]}")
            return found(*args)

        return counted

    @property
    def keys(self) -> list[str]:
        return sorted(super().__getattribute__("sizes")("v1"))


@pytest.fixture
def bucket() -> CountingBucket:
    return CountingBucket()


@pytest.fixture
def versions(bucket: CountingBucket) -> Versions:
    return Versions(bucket)


def put(versions: Versions, files: dict[str, bytes] = PLAYS, namespace: str = "ml") -> Manifest:
    """Store files in one pack, and their manifest."""
    manifest = versions.put_files(namespace, ((path, [content]) for path, content in files.items()))
    versions.store(namespace, manifest)
    return manifest


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_files_are_read_as_they_were_put(bucket: CountingBucket, versions: Versions) -> None:
    manifest = Versions(bucket).load("ml", put(versions).id)
    assert {each.path: each.sha256 for each in manifest.files} == {path: sha256(text) for path, text in PLAYS.items()}
    assert {path: versions.read_file(manifest, path, 100) for path in PLAYS} == PLAYS
    (pack,) = manifest.packs
    assert re.fullmatch(r"v1/ml/uploads/[0-9a-f]{32}/pack-0000", pack.key)
    assert pack.sha256 == sha256(bucket.get(pack.key, 100))
    assert bucket.keys == [f"v1/ml/manifests/{manifest.id}.json", pack.key]


@given(sizes=st.lists(st.integers(0, 40), max_size=12), piece=st.integers(1, 9))
def test_packs_are_filled_and_only_a_last_file_of_unknown_size_makes_one_too_large(
    sizes: list[int], piece: int
) -> None:
    files = {f"/{number:02}": bytes([number]) * size for number, size in enumerate(sizes)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(packing, "MAX_PACK_BYTES", 20)
        patched.setattr(packing, "_HEAD_BYTES", 8)
        versions = Versions(ObstoreBucket(MemoryStore(), "s3://plays"))
        pieces = ((path, [text[at : at + piece] for at in range(0, len(text), piece)]) for path, text in files.items())
        manifest = versions.put_files("ml", pieces)
    assert {path: versions.read_file(manifest, path, 100) for path in files} == files
    before = None
    for number, pack in enumerate(manifest.packs):
        inside = sorted((each for each in manifest.files if each.pack == number), key=lambda each: each.offset)
        assert sum(each.size for each in inside) == pack.size
        assert len(inside) == 1 or pack.size - inside[-1].size + min(inside[-1].size, 8) <= 20
        assert before is None or before.size + min(inside[0].size, 8 + piece) > 20, "it had room for another file"
        before = pack


@pytest.mark.parametrize("path", ["hamlet.txt", "/../hamlet.txt", "/a\n", "/a\ud800", ""])
def test_a_path_that_no_manifest_may_have_is_refused(bucket: CountingBucket, versions: Versions, path: str) -> None:
    with pytest.raises(RefusedError, match="is not the path of a file"):
        versions.put_files("ml", [("/first", [b"x"]), (path, [b"x"])])
    assert bucket.keys == []


def test_an_error_of_the_files_leaves_no_pack(
    bucket: CountingBucket, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MAX_PACK_BYTES", 1)

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError("the disk is broken")

    with pytest.raises(OSError, match="the disk is broken"):
        versions.put_files("ml", [("/a", [b"a"]), ("/b", [b"b"]), ("/c", broken())])
    assert sum(call.startswith("put ") for call in bucket.calls) == 2
    assert bucket.keys == []


@pytest.mark.parametrize("version", ["../../other/manifests/x", "0" * 63, "A" * 64, ""])
def test_what_is_no_id_is_not_found(bucket: CountingBucket, versions: Versions, version: str) -> None:
    with pytest.raises(NotFoundError, match="not the id of a version"):
        versions.load("ml", version)
    assert bucket.calls == []


def test_a_manifest_that_was_changed_is_refused(bucket: CountingBucket, versions: Versions) -> None:
    one, two = put(versions), put(versions, {"/a": b"x"})
    bucket.put(f"v1/ml/manifests/{one.id}.json", two.encode())
    with pytest.raises(RefusedError, match=f"reading version ml@{one.id}: its manifest was changed"):
        Versions(bucket).load("ml", one.id)


def test_a_manifest_cannot_name_packs_of_another_namespace(bucket: CountingBucket, versions: Versions) -> None:
    manifest = put(versions)
    with pytest.raises(RefusedError, match="is not a pack of namespace web"):
        versions.store("web", manifest)
    bucket.put(f"v1/web/manifests/{manifest.id}.json", manifest.encode())
    with pytest.raises(RefusedError, match="is not a pack of namespace web"):
        versions.load("web", manifest.id)


@pytest.mark.parametrize("path", ["/acts/2.txt", "/hamlet.txt"])
def test_bytes_that_were_changed_are_refused(bucket: CountingBucket, versions: Versions, path: str) -> None:
    manifest = put(versions)
    bucket.put(manifest.packs[0].key, b"x" * manifest.packs[0].size)
    for read in (versions.read_file, versions.read_files):
        with pytest.raises(RefusedError, match=f"reading {path} of version {manifest.id}: its SHA-256 is not"):
            read(manifest, path, 100)


def test_a_missing_file_is_not_found_but_a_missing_pack_is_a_loss(bucket: CountingBucket, versions: Versions) -> None:
    manifest = put(versions)
    with pytest.raises(NotFoundError, match="the version has no such file"):
        versions.read_file(manifest, "/acts", 100)
    bucket.delete([manifest.packs[0].key])
    with pytest.raises(RefusedError, match=r"reading /hamlet.txt: its pack is missing: .*pack-0000"):
        versions.read_file(manifest, "/hamlet.txt", 100)


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("/", "/0001/model.json /0001/parts/a /0001/trial.json /0002/trial.json /trial.json"),
        ("/*/trial.json", "/0001/trial.json /0002/trial.json"),
        ("/0001", "/0001/model.json /0001/parts/a /0001/trial.json"),
        ("/000?/trial.json", "/0001/trial.json /0002/trial.json"),
        ("/trial.json", "/trial.json"),
        ("/*.json", "/trial.json"),
        ("/0001/*", "/0001/model.json /0001/parts/a /0001/trial.json"),
        ("/trialxjson", ""),
        ("/000", ""),
    ],
)
def test_files_are_chosen_by_a_pattern(versions: Versions, glob: str, found: str) -> None:
    paths = ("/0001/trial.json", "/0002/trial.json", "/trial.json", "/0001/model.json", "/0001/parts/a")
    manifest = put(versions, {path: path.encode() for path in paths})
    assert versions.read_files(manifest, glob, 100) == {path: path.encode() for path in found.split()}


def test_packs_are_compared_with_what_the_bucket_lists(bucket: CountingBucket, versions: Versions) -> None:
    both = combined([put(versions, {"/a": b"1"}), put(versions, {"/b": b"2"})])
    versions.check_sizes(both)
    key = both.packs[1].key
    bucket.put(key, b"22")
    with pytest.raises(RefusedError, match=f"{key} has 2 bytes, not 1"):
        versions.check_sizes(both)
    bucket.delete([key])
    with pytest.raises(RefusedError, match=f"its pack {key} is missing"):
        versions.check_sizes(both)


def test_files_are_copied_into_another_namespace_by_the_server_once(bucket: CountingBucket, versions: Versions) -> None:
    manifest = put(versions)
    bucket.calls.clear()
    copies = [versions.copy_to("web", manifest, ["/hamlet.txt"]) for _ in range(2)]
    assert [call.split()[0] for call in bucket.calls] == ["sizes", "copy", "sizes"]
    assert copies[0] == copies[1]
    versions.store("web", copies[0])
    bucket.delete([manifest.packs[0].key])
    assert versions.read_files(copies[0], "/", 100) == {"/hamlet.txt": PLAYS["/hamlet.txt"]}


def test_a_pack_that_is_too_large_for_the_server_is_copied_in_pieces(
    bucket: CountingBucket, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "_MOST_COPIED_BYTES", 1)
    monkeypatch.setattr(storing, "_PIECE_BYTES", 10)
    copied = versions.copy_to("web", put(versions), PLAYS)
    assert not [call for call in bucket.calls if call.startswith("copy")]
    assert versions.read_files(copied, "/", 100) == PLAYS


def test_a_pack_of_the_same_hash_from_elsewhere_is_another_copy(versions: Versions) -> None:
    """Its hash is what a pod claims: a false one must not take the place of the pack that has it."""
    true, false = put(versions, {"/a": b"x"}), put(versions, {"/a": b"y"})
    false = replace(false, packs=(replace(false.packs[0], sha256=true.packs[0].sha256),))
    assert versions.copy_to("web", true, ["/a"]).packs != versions.copy_to("web", false, ["/a"]).packs


def test_of_an_upload_the_packs_that_a_version_uses_are_kept(
    bucket: CountingBucket, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MAX_PACK_BYTES", 1)
    uploaded = versions.put_files("ml", [("/a", [b"1"]), ("/b", [b"2"])])
    used = only(uploaded, ["/b"])
    versions.discard(uploaded, used)
    assert bucket.keys == [used.packs[0].key]
    versions.discard(uploaded, Manifest())
    assert bucket.keys == []


def test_a_version_in_many_packs_is_compacted(
    bucket: CountingBucket, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "MOST_PACKS", 3)
    monkeypatch.setattr(storing, "MAX_PACK_BYTES", 8)
    manifest = combined(put(versions, {f"/{number}": b"x" * size}) for number, size in enumerate((1, 1, 5, 0)))
    manifest = replace(manifest, made_from=(("ml/plays", "1"),))
    found = versions.compacted("ml", manifest)
    assert (found.content, found.made_from) == (manifest.content, manifest.made_from)
    assert len(found.packs) == 2
    assert manifest.packs[2] in found.packs
    assert versions.compacted("ml", found) is found


def test_bytes_that_were_changed_are_not_compacted(
    bucket: CountingBucket, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "MOST_PACKS", 1)
    manifest = combined(put(versions, {f"/{number}": b"x"}) for number in range(2))
    bucket.put(manifest.packs[1].key, b"y")
    before = bucket.keys
    with pytest.raises(RefusedError, match="reading /1 of version"):
        versions.compacted("ml", manifest)
    assert bucket.keys == before


def test_a_bucket_that_is_away_does_not_hide_the_first_error() -> None:
    class Away(ObstoreBucket):
        def put(self, key: str, _data: Any) -> None:
            raise UnavailableError(f"writing {key}", "it is full")

        def delete(self, _keys: Any) -> None:
            raise UnavailableError("deleting", "it is away")

    with pytest.raises(UnavailableError, match="it is full"):
        put(Versions(Away(MemoryStore(), "s3://plays")))


def test_a_bucket_keeps_the_id_of_its_engine(bucket: CountingBucket) -> None:
    first = engine_id(bucket)
    assert re.fullmatch(r"jobs/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    bucket.calls.clear()
    assert engine_id(bucket) == first
    assert bucket.calls == ["get v1/engine.json"]
    assert engine_id(CountingBucket()) != first


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"id": 1}', b'{"id": "x/y"}', b"\xff", b"[" * 1000])
def test_an_id_that_is_no_id_is_refused(bucket: CountingBucket, content: bytes) -> None:
    bucket.put("v1/engine.json", content)
    with pytest.raises(RefusedError, match=r"reading v1/engine.json: "):
        engine_id(bucket)
