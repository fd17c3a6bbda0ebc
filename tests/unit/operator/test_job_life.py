"""Lives of ScriptModels on the engine of Jobs, through the controller that drives Pachyderm, too."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from scriptmodel_operator.api.identity import ENGINE, RECONCILE_AT, RETRAIN_AT
from scriptmodel_operator.app import Parts
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.jobs import fetches
from tests.unit.operator.base_worlds import FROM_REPO, MODEL, MODELS
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


async def test_training_starts_from_a_copy_of_a_base_model_and_takes_no_newer_one() -> None:
    life = Life(kube=FakeKube(raw_object({**SPEC, **FROM_REPO})))
    models = BranchRef(replace(MODELS.repo, project="ml"), MODELS.name)
    life.world.put(PLAYS_BRANCH, PLAYS)
    life.world.put(models, MODEL)
    async with life.operator() as found:
        await life.until_ready(found)
        assert life.world.news() == ["train 1", "generate 1"]
        life.world.put(models, {**MODEL, "/weights-0123456789abcdef.safetensors": b"other"})
        await life.until_ready(found)
        assert life.world.news() == []
        life.edit({})
        await life.until_ready(found)
        assert life.world.news() == ["train 1", "generate 1"]


async def test_a_corpus_in_a_config_map_is_put_up_once() -> None:
    life = Life(kube=FakeKube(raw_object({**SPEC, "corpus": {"configMap": {"name": "plays"}}})))
    async with life.operator() as found:
        await life.until_ready(found)
        await life.until_ready(found)
    (corpus,) = [each for each in life.world.gateway().list_repos(["ml"]) if each.ref.name.endswith("-corpus")]
    assert corpus.size_bytes == 27
    assert life.world.ran == ["train 1", "generate 1"]


async def test_a_corpus_by_url_is_fetched_by_a_job_and_again_after_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetches, "_POLL_SECONDS", 0.01)
    url = "https://example.com/hamlet.txt"
    life = Life(kube=FakeKube(raw_object({**SPEC, "corpus": {"http": {"urls": [url]}}})))
    life.world.web[url] = "404 Not Found"

    async def downloaded(found: Parts, at: str) -> None:
        """Request a download, and let Jobs run until it has ended and what follows from it has, too."""
        life.edit(annotations={**annotations(life), RECONCILE_AT: at})
        async with asyncio.timeout(60):
            while life.kube.raw["status"].get("lastHandledReconcileAt") != at or life.world.unfinished:
                await life.reconcile(found)
                life.world.run()
                await asyncio.sleep(0.01)

    async with life.operator(policy=Policy(namespaced=True, downloads=("example.com",))) as found:
        await life.reconcile(found)
        await downloaded(found, "1")
        assert reason(life.kube) == "DownloadFailed"
        assert message(life.kube).startswith(f"a Job could not fetch {url}: 404 Not Found. Check the address")
        life.world.web[url] = b"HAMLET: To be.\n"
        await downloaded(found, "2")
        await life.until_ready(found)
        assert life.world.news() == ["train 1", "generate 1"]
        await downloaded(found, "3")
        await life.until_ready(found)
        assert life.world.news() == []
        life.world.web[url] = b"HAMLET: Not to be.\n"
        await downloaded(found, "4")
        await life.until_ready(found)
        assert life.world.news() == ["train 1", "generate 1"]
        life.edit(deletionTimestamp="now")
        await life.reconcile(found)
    assert not life.world.cluster.of("configmaps")
    assert not [key for key in life.world.bucket.objects if "/runs/" in key]


async def test_a_corpus_of_another_namespace_is_read_if_policy_lists_it() -> None:
    life = Life(kube=FakeKube(raw_object({**SPEC, "corpus": {"repo": {"name": "plays", "project": "library"}}})))
    life.world.put(BranchRef(RepoRef("library", "plays"), "master"), PLAYS)
    async with life.operator() as found:
        await life.reconcile(found)
        assert reason(life.kube) == "NotAllowed"
        assert "--allow-repo ml=library/plays" in message(life.kube)
    async with life.operator(policy=Policy(namespaced=True, repos={"ml": ("library/plays",)})) as found:
        await life.until_ready(found)
    assert not [key for key in life.world.bucket.objects if key.startswith("v1/library/runs")]


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


async def test_the_status_says_why_a_job_waits_how_far_it_is_and_what_a_lost_pod_costs() -> None:
    life = Life()
    life.world.put(PLAYS_BRANCH, PLAYS)
    async with life.operator() as found:
        await life.reconcile(found)
        (job,) = life.world.unfinished
        life.world.block(job, "0/3 nodes are available: 3 Insufficient memory")
        await life.reconcile(found)
        assert reason(life.kube) == "WaitingForWorker"
        assert "3 Insufficient memory" in message(life.kube)
        life.world.start()
        events = [
            {"time": 0, "event": "start", "epochs": 4, "state": True},
            {"time": 0, "event": "progress", "epoch": 2, "epochs": 4, "fraction": 0.5, "perplexity": 321.5},
        ]
        lines = [f"2026-01-01T00:00:00Z {json.dumps(event)}" for event in events]
        life.world.cluster.logs[f"{job['metadata']['name']}-0"] = lines
        await life.reconcile(found)
        (running,) = life.world.gateway().list_jobs("ml", 9)
        found.observer.logs._read_once(running.ref)
        await life.reconcile(found)
        assert message(life.kube).startswith("epoch 2 of 4")
        await life.until_ready(found)
