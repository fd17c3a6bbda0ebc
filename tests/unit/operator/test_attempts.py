"""Attempts: what is created, read and deleted in the API server and the bucket, also by an operator that is killed."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.engine.errors import AccessError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.jobs import logs
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.document import prefix
from scriptmodel_operator.jobs.records import RunRecord
from scriptmodel_operator.jobs.runs import AttemptState, JobSettings
from tests.unit.operator.fake_bucket import FakeBucket
from tests.unit.operator.fake_cluster import FakeCluster
from tests.unit.operator.job_objects import (
    HASH,
    NAME,
    OWNER,
    REFUSED_POD,
    RUN,
    Object,
    condition,
    running,
    terminated,
    waiting,
)
from tests.unit.operator.pipeline_specs import PLAIN

RECORD = RunRecord("/", HASH, attempt=1)
LOG_KEY = f"v1/drama/runs/{HASH}/1/log.jsonl"
SECOND = NAME[:-1] + "2"


@dataclass
class World:
    """An API server, a bucket, and a Job controller that does what the test says."""

    cluster: FakeCluster = field(default_factory=FakeCluster)
    bucket: FakeBucket = field(default_factory=FakeBucket)

    def __post_init__(self) -> None:
        self.attempts = self.restarted()

    def restarted(self, seconds: float = 3600.0, egress: Sequence[Object] = ()) -> Attempts:
        return Attempts(self.cluster, self.bucket, JobSettings(url_seconds=seconds, egress=egress))

    def start(self, number: int = 1) -> None:
        self.attempts.start(RUN, number, OWNER)
        name = f"{NAME[:-1]}{number}"
        self.cluster.set("jobs", "drama", name, metadata={"creationTimestamp": "2026-01-01T11:00:00Z"})

    def pod(self, made: Object) -> None:
        self.cluster.set("pods", "drama", **{"name": made["metadata"]["name"], **made})

    def fail(self, *conditions: Object) -> None:
        self.cluster.set("jobs", "drama", NAME, status={"conditions": list(conditions)})

    def document(self, name: str = NAME) -> dict[str, Any]:
        secret = self.cluster.objects["secrets", "drama", name]
        return dict(json.loads(base64.b64decode(secret["data"]["job.json"])))


@pytest.fixture
def world() -> World:
    return World()


def test_pods_connect_to_the_listed_peers_alone_from_the_start(world: World) -> None:
    for cidr in ("10.0.0.0/8", "10.1.0.0/16"):
        peers = [{"ipBlock": {"cidr": cidr}}]
        world.attempts = world.restarted(egress=peers)
        world.attempts.start(RUN, 1, OWNER)
        (policy,) = world.cluster.of("networkpolicies")
        (job,) = world.cluster.of("jobs")
        labels = job["spec"]["template"]["metadata"]["labels"]
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
        assert policy["spec"]["egress"][-1] == {"to": peers}
        assert policy["metadata"]["ownerReferences"] == [OWNER], "it goes with the pipeline"
    calls = [call.split()[1] for call in world.cluster.calls if call.startswith("POST")]
    assert calls.index("networkpolicies") < calls.index("jobs")


@pytest.mark.parametrize(("namespace", "expected"), [("drama", "throne"), ("other", None)])
def test_labels_of_the_object_reach_job_and_pod_while_it_exists(
    world: World, namespace: str, expected: str | None
) -> None:
    for name, team in (("thrones", "throne"), ("rings", "ring")):
        world.cluster.set("scriptmodels", namespace, name, metadata={"labels": {"team": team, "helm.sh/chart": "x"}})
    mark = Mark(Owner("cluster", namespace, "thrones", "uid"))
    world.attempts.start(replace(RUN, spec=replace(PLAIN, annotations=mark.annotations())), 1, OWNER)
    (job,) = world.cluster.of("jobs")
    for labels in (job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]):
        assert labels.get("team") == expected
        assert "helm.sh/chart" not in labels


def test_a_job_has_the_state_of_its_newest_pod(world: World) -> None:
    world.start()
    old, new = terminated(143, deleted="2026-01-01T11:00:00Z"), running()
    new["metadata"] |= {"name": "new", "creationTimestamp": "2026-01-01T11:10:00Z"}
    world.pod(old)
    world.pod(new)
    assert world.attempts.listed("drama")[0].state is AttemptState.RUNNING


def test_a_job_with_labels_of_somebody_else_is_no_attempt(world: World) -> None:
    world.start()
    labels = world.cluster.objects["jobs", "drama", NAME]["metadata"]["labels"]
    for label, value in (("scriptmodel.dev/run", "../../other"), ("scriptmodel.dev/attempt", "x")):
        world.cluster.set("jobs", "drama", NAME, metadata={"labels": {**labels, label: value}})
        assert world.attempts.listed("drama") == []
    for label in ("run", "attempt"):
        kept = {name: value for name, value in labels.items() if name != f"scriptmodel.dev/{label}"}
        world.cluster.objects["jobs", "drama", NAME]["metadata"]["labels"] = kept
        assert world.attempts.listed("drama") == []
        assert world.attempts.found("drama", NAME) is None


def test_the_events_of_jobs_without_pods_are_read_once_for_all(world: World) -> None:
    world.start()
    world.start(2)
    uid = world.cluster.objects["jobs", "drama", NAME]["metadata"]["uid"]
    for number, message in enumerate(("old", REFUSED_POD)):
        world.cluster.set(
            "events",
            "drama",
            f"e{number}",
            involvedObject={"uid": uid},
            message=message,
            lastTimestamp=f"2026-01-01T11:0{number}:00Z",
        )
    first, second = world.attempts.listed("drama")
    world.attempts.listed("drama")
    assert first.reason.endswith(REFUSED_POD)
    assert second.reason == ""
    assert world.cluster.calls.count("GET events") == 1
    for _ in range(2):
        world.pod(running())
        world.cluster.objects.pop(("jobs", "drama", SECOND), None)
        world.attempts.listed("drama")
    assert world.cluster.calls.count("GET events") == 1, "none for a Job with a pod"


def test_events_that_may_not_be_read_hide_no_attempt(world: World) -> None:
    world.start()
    world.cluster.fault = lambda call, _late: AccessError("x", "forbidden") if call == "GET events" else None
    assert [each.state for each in world.attempts.listed("drama")] == [AttemptState.WAITING]


def test_an_attempt_reads_the_checkpoints_that_there_are_and_may_still_come(world: World) -> None:
    world.bucket.objects |= {
        f"v1/drama/runs/{HASH}/{key}": b"x" for key in ("1/checkpoint-b", "2/log.jsonl", "1/pack-0000")
    }
    world.attempts.start(RUN, 4, OWNER)
    read = world.document(f"{NAME[:-1]}4")["checkpoints"]["read"]
    assert [pair[0].split("/")[-2] for pair in read] == ["4", "3", "1"]


def test_urls_are_signed_again_once_half_of_their_life_is_over(world: World) -> None:
    world.attempts = world.restarted(seconds=3600)
    world.start()
    before = world.document()["expires"]
    signed = len(world.bucket.calls)
    world.attempts.renew(RUN, 1)
    assert len(world.bucket.calls) == signed
    world.attempts = world.restarted(seconds=7200)  # another operator, which knows nothing of them
    world.attempts.renew(RUN, 1)
    assert world.document()["expires"] > before


def test_a_secret_that_somebody_deleted_comes_back_with_its_owner(world: World) -> None:
    world.start()
    world.cluster.objects.pop(("secrets", "drama", NAME))
    world.restarted().renew(RUN, 1)
    assert world.cluster.objects["secrets", "drama", NAME]["metadata"]["ownerReferences"] == [OWNER]


def own_manifest(size: int = 3, path: str = "/model.json") -> bytes:
    packs = [{"name": "pack-0000", "size": size, "sha256": "a" * 64}]
    files = [{"path": path, "size": 3, "sha256": "b" * 64, "pack": 0, "offset": 0}]
    return json.dumps({"schema": 1, "packs": packs, "files": files}).encode()


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({}, "it stored none: is trainer:1 an image of scriptmodel's trainer"),
        ({"manifest.json": own_manifest()}, "pack-0000 is missing"),
        ({"manifest.json": own_manifest(4), "pack-0000": b"abc"}, "pack-0000 has 3 bytes, not 4"),
        ({"manifest.json": own_manifest(path="/../x"), "pack-0000": b"abc"}, "invalid"),
    ],
)
def test_a_result_that_is_not_whole_is_refused(world: World, stored: dict[str, bytes], message: str) -> None:
    world.bucket.objects |= {prefix(RUN, 1) + name: data for name, data in stored.items()}
    with pytest.raises(RefusedError, match=message):
        world.attempts.take(RUN, 1)


FAILED = condition("Failed", "PodFailurePolicy", "Container trainer failed with exit code 1")


def ended(world: World, made: Object | None) -> None:
    world.start()
    world.fail(FAILED)
    if made:
        world.pod(made)
        world.cluster.logs[made["metadata"]["name"]] = ["one", "two"]


def test_an_attempt_that_ended_leaves_its_log_and_a_job_for_a_day(world: World) -> None:
    ended(world, terminated(1))
    world.attempts.end("drama", NAME)
    assert world.bucket.objects[LOG_KEY] == b"one\ntwo\n"
    assert world.cluster.of("secrets") == []
    (job,) = world.cluster.of("jobs")
    assert job["spec"]["ttlSecondsAfterFinished"] == 24 * 3600
    assert [each.state for each in world.attempts.listed("drama")] == [AttemptState.FAILED]


@pytest.mark.parametrize(("stored", "kept"), [(b"1234567", b"one\ntwo\n"), (b"123456789", b"123456789")])
def test_the_longer_log_is_kept(world: World, stored: bytes, kept: bytes) -> None:
    ended(world, terminated(137))
    world.bucket.objects[LOG_KEY] = stored
    world.attempts.end("drama", NAME)
    assert world.bucket.objects[LOG_KEY] == kept


def test_a_job_whose_pod_never_ends_is_deleted(world: World) -> None:
    world.start()
    world.pod(running(deleted="2026-01-01T11:00:00Z"))
    world.attempts.end("drama", NAME)
    assert (world.cluster.of("jobs"), world.cluster.of("secrets")) == ([], [])


def test_the_secret_of_a_job_that_somebody_deleted_goes(world: World) -> None:
    world.start()
    world.cluster.objects.pop(("jobs", "drama", NAME))
    world.attempts.end("drama", NAME)
    assert world.cluster.of("secrets") == []


def test_a_log_is_followed_with_its_times_and_ends_with_the_cause(world: World) -> None:
    ended(world, terminated(137, reason="OOMKilled"))
    world.cluster.logs[f"{NAME}-x7x2k"] = ['2026-01-01T11:00:05.123456789Z {"event": "start"}', "no time"]
    first, second, last = world.attempts.log("drama", RECORD, follow=True, seconds=5)
    assert (first.text, str(first.time)) == ('{"event": "start"}', "2026-01-01 11:00:05.123456+00:00")
    assert (second.text, second.time) == ("no time", None)
    assert last.verdict
    assert last.text.startswith("memory ran out")


def test_a_log_that_the_kubelet_has_removed_has_no_lines(world: World) -> None:
    ended(world, terminated(137))
    removed = "unable to retrieve container logs for containerd://4511e33753f1"
    world.cluster.logs[f"{NAME}-x7x2k"] = [removed]
    (last,) = world.attempts.log("drama", RECORD, follow=False, seconds=5)
    assert last.verdict
    world.attempts.end("drama", NAME)
    assert LOG_KEY not in world.bucket.objects


@pytest.mark.parametrize(
    ("made", "answers", "stored", "texts"),
    [
        (running(), True, b"stored", ["one", "two"]),
        (terminated(0), True, b"", ["one", "two"]),
        (running(), False, b"stored\n", ["stored"]),
        (None, True, b"one\n\xff\n", ["one", "\ufffd"]),
        (waiting("ContainerCreating"), True, b"of the pod before\n", ["of the pod before"]),
        (waiting("ContainerCreating"), True, b"", None),
        (None, True, b"", None),
    ],
)
def test_a_log_is_that_of_the_pod_or_is_read_from_the_bucket(
    world: World, made: Object | None, answers: bool, stored: bytes, texts: list[str] | None
) -> None:
    ended(world, made)
    if stored:
        world.bucket.objects[LOG_KEY] = stored
    world.cluster.fault = lambda call, _late: (
        UnavailableError("x", "no route") if call.startswith("GET log") and not answers else None
    )
    if texts is None:
        with pytest.raises(NotFoundError):
            world.attempts.log("drama", RECORD, follow=True, seconds=5)
    else:
        assert [line.text for line in world.attempts.log("drama", RECORD, follow=True, seconds=5)] == texts
    asked = any(call.startswith("GET log") for call in world.cluster.calls)
    assert asked == (made is not None and "waiting" not in str(made["status"])), "one that has not started has none"
    if not answers:
        world.attempts.end("drama", NAME)
        assert world.cluster.of("secrets") == [], "a node that is gone keeps no attempt from ending"


def test_of_a_long_log_the_newest_lines_are_stored(world: World) -> None:
    ended(world, terminated(1))
    world.cluster.logs[f"{NAME}-x7x2k"] = [f"{number:07}" for number in range(200_000)]
    world.attempts.end("drama", NAME)
    stored = world.bucket.objects[LOG_KEY]
    assert len(stored) == logs.TAIL_BYTES
    assert stored.endswith(b"0199999\n")
