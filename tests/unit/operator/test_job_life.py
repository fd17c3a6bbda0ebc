"""Lives of ScriptModels on the engine of Jobs, through the controller that drives Pachyderm, too."""

import time

import pytest

from scriptmodel_operator.api.identity import ENGINE, RETRAIN_AT
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from tests.unit.operator.controlling import FakeKube, message, raw_object, reason
from tests.unit.operator.job_lives import Life
from tests.unit.operator.job_worlds import PLAYS_BRANCH
from tests.unit.operator.world import PLAYS, SPEC


async def test_an_object_is_created_trained_changed_suspended_and_deleted() -> None:
    life = Life()
    world = life.world
    async with life.operator() as found:
        await life.reconcile(found)
        assert reason(life.kube) == "CorpusNotFound"
        world.put(PLAYS_BRANCH, PLAYS)
        await life.until_ready(found)
        assert world.news() == ["train 1", "generate 1"]
        assert life.kube.raw["metadata"]["annotations"][ENGINE].startswith("jobs/")

        life.edit({"generation": {"temperature": "0.5"}})
        await life.until_ready(found)
        assert world.news() == ["generate 1"]

        world.put(PLAYS_BRANCH, {**PLAYS, "/macbeth.txt": b"MACBETH: Tomorrow.\n"})
        await life.until_ready(found)
        assert world.news() == ["train 1", "generate 1"]

        world.put(PLAYS_BRANCH, PLAYS)  # as at first: everything was computed before
        await life.until_ready(found)
        assert world.news() == []

        life.edit({"generation": {"temperature": "0.5"}}, annotations={**annotations(life), RETRAIN_AT: "now"})
        await life.until_ready(found)
        assert world.news() == ["train 1"]  # the new model is equal, and so is its script

        life.edit({"model": {"preset": "small"}})
        await life.reconcile(found)
        world.start()
        await life.reconcile(found)
        assert reason(life.kube) == "Training"
        life.edit({"model": {"preset": "small"}, "suspend": True})
        await life.reconcile(found)
        await life.reconcile(found)
        assert reason(life.kube) == "Suspended"
        assert not world.unfinished
        life.edit({"model": {"preset": "small"}})
        await life.until_ready(found)
        assert world.news() == ["train 2"]

        life.edit(deletionTimestamp="now")
        await life.reconcile(found)
        assert life.kube.raw["metadata"]["finalizers"] == []
    assert [each["metadata"]["name"] for each in world.cluster.of("configmaps")] == ["scriptmodel-repo-plays"]
    assert not world.cluster.of("jobs")
    assert not [key for key in world.bucket.objects if "/runs/" in key]
    assert world.gateway().branch_head(PLAYS_BRANCH)


@pytest.mark.parametrize("policy", ["Retain", "Orphan"])
async def test_results_that_are_kept_are_not_computed_again(policy: str) -> None:
    life = Life()
    world = life.world
    world.put(PLAYS_BRANCH, PLAYS)
    async with life.operator() as found:
        life.edit({"deletionPolicy": policy})
        await life.until_ready(found)
        life.edit(deletionTimestamp="now")
        await life.reconcile(found)
        for repo in world.gateway().list_repos(["ml"]) if policy == "Retain" else ():
            if repo.ref != PLAYS_BRANCH.repo:
                assert world.gateway().branch_head(BranchRef(repo.ref, "master"))
                world.cluster.request(
                    "DELETE", f"/api/v1/namespaces/ml/configmaps/scriptmodel-repo-{repo.ref.name}", ""
                )
    again = Life(world, FakeKube(raw_object({**SPEC, "deletionPolicy": policy}, uid="2")))
    world.news()
    async with again.operator() as found:
        await again.until_ready(found)
    assert world.news() == []


async def test_a_namespace_may_have_a_long_name() -> None:
    namespace = "n" * 63
    life = Life(kube=FakeKube(raw_object(SPEC, namespace=namespace)))
    life.world.put(BranchRef(RepoRef(namespace, "plays"), "master"), PLAYS)
    async with life.operator() as found:
        found.reconciler.reporter.queue.added.clear()
        for _ in range(6):
            await found.snapshots.latest(time.monotonic())
            await found.reconciler.reconcile((namespace, "thrones"))
            life.world.run()
    assert life.world.ran[:2] == ["train 1", "generate 1"]


async def test_a_failed_training_says_why_and_another_spec_tries_again() -> None:
    life = Life()
    life.world.put(PLAYS_BRANCH, PLAYS)
    async with life.operator() as found:
        for _ in range(10):
            await life.reconcile(found)
            for job in life.world.unfinished:
                life.world.end(job, 1, "disk is full")
        assert reason(life.kube) == "TrainingFailed"
        assert "disk is full" in message(life.kube)
        life.edit({"training": {"resources": {"limits": {"memory": "4Gi"}}}})
        await life.until_ready(found)
    assert life.world.ran == ["train 4", "generate 1"]


def annotations(life: Life) -> dict[str, str]:
    return dict(life.kube.raw["metadata"]["annotations"])
