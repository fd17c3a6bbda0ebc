"""Manifests: their canonical form, what is refused of hostile ones, and versions that share packs."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scriptmodel_operator.engine.errors import NotFoundError, RefusedError
from scriptmodel_operator.jobs.manifest import (
    MAX_MANIFEST_BYTES,
    File,
    Manifest,
    Pack,
    below,
    combined,
    only,
    parse,
    replaced,
)

PREFIX = "v1/ml/runs/0a1b/1"
A, B = "a" * 64, "b" * 64
OWN: dict[str, Any] = {
    "schema": 1,
    "packs": [{"name": "pack-0000", "size": 10, "sha256": A}],
    "files": [
        {"path": "/acts/1.txt", "size": 4, "sha256": A, "pack": 0, "offset": 0},
        {"path": "/hamlet.txt", "size": 6, "sha256": B, "pack": 0, "offset": 4},
    ],
}


def own(**changes: Any) -> bytes:
    return json.dumps(OWN | changes).encode()


def file(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {**OWN["files"][number], **changes}


def version(upload: str, *paths: str, made_from: tuple[tuple[str, str], ...] = ()) -> Manifest:
    """Return a version with one pack, in which each file has one byte."""
    pack = Pack(f"v1/ml/uploads/{upload}/pack-0000", len(paths), A)
    hashes = [hashlib.sha256(f"{upload}{path}".encode()).hexdigest() for path in paths]
    files = (File(path, 1, digest, 0, at) for at, (path, digest) in enumerate(zip(paths, hashes, strict=True)))
    return Manifest((pack,), tuple(sorted(files, key=lambda each: each.path)), made_from)


def test_a_version_has_the_hash_of_its_canonical_json_as_id() -> None:
    manifest = replace(parse(own(), prefix=PREFIX), made_from=(("ml/plays", A),))
    text = (
        f'{{"files":[{{"offset":0,"pack":0,"path":"/acts/1.txt","sha256":"{A}","size":4}},'
        f'{{"offset":4,"pack":0,"path":"/hamlet.txt","sha256":"{B}","size":6}}],"made_from":[["ml/plays","{A}"]],'
        f'"packs":[{{"key":"v1/ml/runs/0a1b/1/pack-0000","sha256":"{A}","size":10}}],"schema":1}}'
    )
    assert manifest.encode() == text.encode()
    assert manifest.id == hashlib.sha256(text.encode()).hexdigest()


def test_content_depends_on_paths_and_bytes_alone() -> None:
    one = version("one", "/a", "/b")
    moved = replace(one, packs=(replace(one.packs[0], key="v1/ml/uploads/two/pack-0000"),), made_from=(("ml/x", A),))
    assert moved.content == one.content
    assert moved.id != one.id
    expected = "".join(f"{each.sha256} 1 {each.path}\n" for each in one.files)
    assert one.content == hashlib.sha256(expected.encode()).hexdigest()


paths = st.lists(st.text("abé. ", min_size=1, max_size=3).filter(lambda part: part not in (".", "..")), min_size=1)


@given(st.dictionaries(paths.map(lambda parts: "/x" + "/".join(parts)), st.integers(0, 1 << 40)), st.data())
def test_a_version_is_read_as_it_was_written(sizes: dict[str, int], data: st.DataObject) -> None:
    chosen = {path: size for path, size in sizes.items() if not any(each.startswith(f"{path}/") for each in sizes)}
    offsets, ends = {}, [0, 0]
    for path, size in chosen.items():
        pack = data.draw(st.integers(0, 1))
        offsets[path] = (pack, ends[pack])
        ends[pack] += size
    packs = tuple(Pack(f"v1/ml/uploads/0/pack-000{number}", end, A) for number, end in enumerate(ends))
    files = tuple(File(path, chosen[path], B, *offsets[path]) for path in sorted(chosen))
    manifest = Manifest(packs, files, (("ml/plays", A),))
    if max(ends) <= 5 << 40:
        assert parse(manifest.encode()) == manifest


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.sampled_from(["schema", "packs", "files", "made_from", "packs.0", "files.0", "files.1"]), st.data())
def test_a_hostile_manifest_is_refused_on_one_line_or_read(where: str, data: st.DataObject) -> None:
    document = json.loads(json.dumps(OWN))
    part, _, number = where.partition(".")
    if number:
        entry = document[part][int(number)]
        entry[data.draw(st.sampled_from(sorted(entry)))] = data.draw(values)
    else:
        document[part] = data.draw(values)
    for prefix in (PREFIX, None):
        refusal = ""
        try:
            parse(json.dumps(document).encode(), prefix=prefix)
        except RefusedError as error:
            refusal = str(error)
        assert len(refusal.splitlines()) <= 1


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()), st.sampled_from([PREFIX, None]))
def test_what_is_no_manifest_is_refused(data: bytes, prefix: str | None) -> None:
    with pytest.raises(RefusedError):
        parse(data, prefix=prefix)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b" " * (MAX_MANIFEST_BYTES + 1), "it has more than 16 MiB"),
        *((piece * (MAX_MANIFEST_BYTES // 8), "it has more than 1000000 values") for piece in (b"0,", b"[", b'{"":')),
        (b"[" * 100_000, "it is not JSON: maximum recursion depth"),
        (own().decode().encode("utf-16"), "it is not JSON: 'utf-8' codec"),
        (b"[]", "Input should be a dictionary"),
        (own(more=1), "more: Unexpected keyword argument"),
        (own(made_from=[]), "made_from: Unexpected keyword argument"),
        (own(schema=2), "schema: Input should be less than or equal to 1"),
        (own(schema=True), "schema: Input should be a valid integer"),
        (own(packs={}), "packs: Input should be a valid tuple"),
        (own(packs=[{"key": "v1/other/uploads/1/pack-0000", "size": 10, "sha256": A}]), "packs.0.name: Field required"),
        (own(packs=[{"name": "../1/pack-0000", "size": 10, "sha256": A}]), "packs.0.name: String should match pattern"),
        (own(packs=OWN["packs"] * 2), "a pack twice"),
        (
            own(packs=[{"name": f"pack-{each:04}", "size": 1, "sha256": A} for each in range(1001)]),
            "packs: Tuple should have at most 1000 items",
        ),
        (own(files=[file(0), file(0)]), "not sorted by path, or one is there twice"),
        (own(files=[file(1), file(0)]), "not sorted by path"),
        (own(files=[file(0, path="/a"), file(1, path="/a/b")]), "'/a' is a file and a folder"),
        (own(files=[file(0, path="/a"), file(1, path="/b", offset=3)]), "'/b' overlaps another file"),
        (own(files=[file(1, size=7)]), "'/hamlet.txt' ends after its pack"),
        (own(files=[file(0, pack=1)]), "'/acts/1.txt' is in pack 1, which it does not list"),
        (own(files=[file(0, size=True)]), "files.0.size: Input should be a valid integer"),
        (own(files=[file(0, size=1.0)]), "files.0.size: Input should be a valid integer"),
        (own(files=[file(0, size=1 << 50)]), "files.0.size: Input should be less than"),
        (own(files=[file(0, offset=-1)]), "files.0.offset: Input should be greater than"),
        (own(files=[file(0, sha256=A.upper())]), "files.0.sha256: String should match pattern"),
        (own(files=[file(0, path=None)]), "files.0.path: Input should be a valid string"),
        (own().replace(b'"size": 4', b'"size": ' + b"9" * 10_000), "it is not JSON: Exceeds the limit"),
        *(
            (own(files=[file(0, path=path)]), "is not the path of a file")
            for path in (
                "",
                "/",
                "a",
                "//a",
                "/a/",
                "/a\n",
                "/a\x85",
                "/\ud800",
                "/a/../b",
                "/..",
                "/./a",
                "/" + "é" * 512,
            )
        ),
    ],
)
def test_an_attempt_cannot_list(data: bytes, why: str) -> None:
    with pytest.raises(RefusedError, match="reading a manifest: invalid: ") as refused:
        parse(data, prefix=PREFIX)
    assert why in str(refused.value)


@pytest.mark.parametrize("prefix", [PREFIX, None])
@pytest.mark.parametrize("field", ["packs", "files", "made_from"])
def test_of_many_errors_one_is_kept(field: str, prefix: str | None) -> None:
    """A million of them would take gigabytes of memory."""
    with pytest.raises(RefusedError) as refused:
        parse(json.dumps({field: [{}] * 900}).encode(), prefix=prefix)
    error = refused.value.__context__
    assert isinstance(error, ValidationError)
    assert error.error_count() < 10


def test_packs_of_an_attempt_lie_below_its_prefix() -> None:
    assert [each.key for each in parse(own(), prefix=PREFIX).packs] == [f"{PREFIX}/pack-0000"]


@pytest.mark.parametrize(
    "key", ["v1/ml/../other/uploads/1/pack-0000", "v2/ml/uploads/1/pack-0000", "v1/ml/manifests/x.json", "/etc/passwd"]
)
def test_a_stored_manifest_names_packs_alone(key: str) -> None:
    manifest = version("1", "/a")
    with pytest.raises(RefusedError, match=r"packs.0.key: String should match pattern"):
        parse(replace(manifest, packs=(replace(manifest.packs[0], key=key),)).encode())


@pytest.mark.parametrize(
    "made_from", [1, [1], ["ab"], [["a"]], [["a", 1]], [["a", ""]], [["a", "\ud800"]], [["a", "\n"]]]
)
def test_a_stored_manifest_is_made_from_versions(made_from: Any) -> None:
    document = json.loads(version("1", "/a").encode()) | {"made_from": made_from}
    with pytest.raises(RefusedError, match=r"invalid: made_from"):
        parse(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def test_a_stored_manifest_has_one_form() -> None:
    with pytest.raises(RefusedError, match="canonical"):
        parse(version("1", "/a").encode() + b" ")


def test_the_runs_of_a_search_are_combined() -> None:
    found = combined([version("2", "/0002/model", "/0002/trial.json"), version("1", "/0001/model")])
    assert [each.path for each in found.files] == ["/0001/model", "/0002/model", "/0002/trial.json"]
    assert [found.packs[each.pack].key for each in found.files] == [
        f"v1/ml/uploads/{upload}/pack-0000" for upload in "122"
    ]
    assert parse(found.encode()) == found


def test_runs_that_wrote_the_same_path_are_not_combined() -> None:
    with pytest.raises(RefusedError, match="two runs wrote '/a'"):
        combined([version("1", "/a"), version("2", "/a")])
    assert combined([version("1", "/a")] * 2).files == version("1", "/a").files


def test_an_upload_replaces_files_and_keeps_the_others() -> None:
    new = version("2", "/b", "/d")
    found = replaced(version("1", "/a", "/b", "/c"), new, ["/c", "/missing"])
    assert {each.path: found.packs[each.pack].key.split("/")[3] for each in found.files} == {
        "/a": "1",
        "/b": "2",
        "/d": "2",
    }


@pytest.mark.parametrize(("gone", "kept"), [("/", []), ("/acts/", ["/acts.txt"]), ("/acts", ["/acts.txt", "/acts/1"])])
def test_a_folder_is_removed_with_its_files(gone: str, kept: list[str]) -> None:
    found = replaced(version("1", "/acts/1", "/acts.txt"), Manifest(), [gone])
    assert [each.path for each in found.files] == kept


def test_a_pack_without_files_is_dropped() -> None:
    found = replaced(version("1", "/a"), version("2", "/a"))
    assert [each.key for each in found.packs] == ["v1/ml/uploads/2/pack-0000"]
    assert found.files[0].pack == 0


def test_one_folder_of_a_version_keeps_its_paths_and_origin() -> None:
    both = combined([version("1", "/0001/model"), version("2", "/0002/model", "/00021")])
    found = below(replace(both, made_from=(("ml/plays", A),)), "/0002")
    assert [each.path for each in found.files] == ["/0002/model"]
    assert [each.key for each in found.packs] == ["v1/ml/uploads/2/pack-0000"]
    assert found.made_from == (("ml/plays", A),)
    assert below(both, "/") == both


def test_chosen_files_are_files_of_the_version() -> None:
    assert [each.path for each in only(version("1", "/a", "/b"), ["/b"]).files] == ["/b"]
    with pytest.raises(NotFoundError, match="/c of version"):
        only(version("1", "/a", "/b"), ["/c"])
