"""What killed operators left in the bucket is deleted once it is old, and nothing that a version has."""

import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.jobs import garbage
from tests.unit.operator.job_worlds import PLAYS_BRANCH, JobWorld

ORPHAN = f"v1/ml/uploads/{uuid4().hex}/pack-0000"
OLD = datetime.now(UTC) - timedelta(days=8)


@pytest.fixture
def world() -> JobWorld:
    """A corpus of two versions, and what was uploaded for a third one; all of it is old."""
    world = JobWorld()
    for text in (b"HAMLET: To be.", b"LEAR: Howl!"):
        world.put(PLAYS_BRANCH, {"/play.txt": text})
    world.bucket.objects[ORPHAN] = b"half"
    world.bucket.times = dict.fromkeys(world.bucket.objects, OLD)
    return world


def swept(world: JobWorld) -> set[str]:
    """Have a new operator sweep, and return the keys that are gone."""
    before = set(world.bucket.objects)
    world.gateway().sweep(lambda _owner: True)
    return before - set(world.bucket.objects)


def test_an_old_upload_that_no_version_has_is_deleted(world: JobWorld) -> None:
    assert swept(world) == {ORPHAN}
    assert swept(world) == set()


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(f"v1/ml/uploads/{uuid4()}/pack-0000", id="of a request"),
        pytest.param(f"v1/ml/uploads/copy-{uuid4().hex}/pack-0000", id="a copy, which the next try uses"),
        pytest.param(f"v1/web/uploads/{uuid4().hex}/pack-0000", id="of a namespace without records"),
    ],
)
def test_what_others_delete_or_use_is_kept(world: JobWorld, key: str) -> None:
    world.bucket.objects[key] = b"half"
    world.bucket.times[key] = OLD
    assert swept(world) == {ORPHAN}


def test_an_upload_whose_newest_pack_is_new_may_be_running(world: JobWorld) -> None:
    world.bucket.objects[ORPHAN.replace("0000", "0001")] = b"just now"
    assert swept(world) == set()


def test_packs_of_a_damaged_record_are_kept_since_it_may_be_restored(world: JobWorld) -> None:
    world.put(BranchRef(RepoRef("ml", "poems"), "master"), {"/a": b"A"})
    world.cluster.set("configmaps", "ml", "scriptmodel-repo-plays", data={"record": "?"})
    assert swept(world) == {ORPHAN}


def test_where_a_manifest_is_damaged_nothing_is_deleted(world: JobWorld, caplog: pytest.LogCaptureFixture) -> None:
    manifest = next(key for key in world.bucket.objects if "/manifests/" in key)
    world.bucket.objects[manifest] = b"?"
    with caplog.at_level(logging.WARNING):
        assert swept(world) == set()
    assert "what killed operators left in namespace ml stays in the bucket" in caplog.text


def test_an_operator_sweeps_once_a_day(world: JobWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = world.gateway()
    for _ in range(2):
        gateway.sweep(lambda _owner: True)
    assert world.bucket.calls.count("list v1/ml/uploads") == 1
    monkeypatch.setattr(garbage, "_SWEEP_SECONDS", 0.0)
    gateway.sweep(lambda _owner: True)
    assert world.bucket.calls.count("list v1/ml/uploads") == 2
