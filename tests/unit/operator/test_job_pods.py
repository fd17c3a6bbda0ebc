"""What an attempt is told to run, and what the statuses of its Job and its pod say about it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.engine.values import BranchRef, PipelineRef, RepoRef, ResourceAmounts
from scriptmodel_operator.jobs.document import MAX_BYTES, MAX_URLS, job_document
from scriptmodel_operator.jobs.manifest import Manifest, Pack
from scriptmodel_operator.jobs.pods import attempt_of, ending
from scriptmodel_operator.jobs.runs import AttemptState, Input, Run, run_hash
from tests.unit.operator.fake_bucket import FakeBucket
from tests.unit.operator.job_objects import (
    CREATED,
    ENDED,
    HASH,
    NAME,
    NOW,
    PLAYS,
    REFUSED_POD,
    RUN,
    STARTED,
    Object,
    condition,
    failed,
    job,
    pod,
    running,
    terminated,
    waiting,
)
from tests.unit.operator.pipeline_specs import PLAIN, changed

WAITING, RUNNING, SUCCEEDED = AttemptState.WAITING, AttemptState.RUNNING, AttemptState.SUCCEEDED
FAILED, REFUSED, LOST = AttemptState.FAILED, AttemptState.REFUSED, AttemptState.LOST
BEFORE_GRACE, BEYOND_GRACE = "2026-01-01T11:59:30Z", "2026-01-01T11:58:30Z"

QUEUED = job(
    condition("Suspended", "JobSuspended", "Job suspended"),
    run=replace(RUN, spec=changed(PLAIN, labels=(("kueue.x-k8s.io/queue-name", "gpus"),))),
)
LIMITED = job(run=replace(RUN, spec=replace(PLAIN, limits=ResourceAmounts(memory="4Gi"))))
GENERATE = job(run=replace(RUN, spec=replace(PLAIN, ref=PipelineRef("drama", "thrones-generate"))))
DRAINED = condition("DisruptionTarget", "EvictionByEvictionAPI", "Eviction API: evicting")
TAINTED = condition(
    "DisruptionTarget", "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint node-a"
)
PRESSURE = condition("DisruptionTarget", "TerminationByKubelet", "The node was low on resource: memory.")
UNSCHEDULABLE = condition("PodScheduled", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.", "False")
EXCEEDED = 'Usage of EmptyDir volume "pfs" exceeds the limit "1Gi". '
DISRUPTED_JOB = failed(
    "PodFailurePolicy", "Pod drama/x has condition DisruptionTarget matching FailJob rule at index 0"
)
PULL = 'Back-off pulling image "trainer:1": ErrImagePull: not found'
TRACE = '{"event": "progress"}\nTraceback (most recent call last):\nKeyError: 1\n{"event": "progress"}\n'


def exited(code: int) -> Object:
    text = f"Container trainer for pod drama/x failed with exit code {code} matching FailJob rule at index 1"
    return failed("PodFailurePolicy", text)


WAITS = [
    (job(), None, ""),
    (job(), pod(None, phase="Pending"), ""),
    (job(), waiting("ContainerCreating"), ""),
    (job(), pod(None, UNSCHEDULABLE, phase="Pending"), "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."),
    (job(), waiting("ImagePullBackOff", PULL), f"ImagePullBackOff: {PULL}; check the image"),
    (job(), waiting("InvalidImageName"), "InvalidImageName: trainer:1; check the image"),
    (
        job(),
        waiting("CreateContainerConfigError", 'secret "x" not found'),
        'CreateContainerConfigError: secret "x" not',
    ),
    (QUEUED, None, "waits in queue gpus"),
    (QUEUED, terminated(143, deleted=BEYOND_GRACE), "waits in queue gpus"),  # Kueue took its quota back
    (job(suspend=True), None, f"somebody suspended its Job: kubectl patch job {NAME}"),
]
ENDS = [
    (job(condition("Complete", "CompletionsReached")), None, SUCCEEDED, ""),
    (job(), terminated(0), SUCCEEDED, ""),  # the Job controller is later than the kubelet
    (job(), terminated(0, DRAINED, deleted=BEFORE_GRACE), SUCCEEDED, ""),
    (job(), terminated(2, message='unknown speaker "HAMLTE"'), REFUSED, 'unknown speaker "HAMLTE" (exit code 2)'),
    (job(), terminated(2, DRAINED, message="bad"), REFUSED, "bad (exit code 2)"),
    (job(), terminated(4, message="the loss is not a number"), FAILED, "the loss is not a number (exit code 4)"),
    (job(), terminated(1, message=TRACE), FAILED, "KeyError: 1 (exit code 1)"),
    (job(), terminated(1), FAILED, "the trainer ended with exit code 1 and gave no cause: see its log"),
    (job(), terminated(137), FAILED, "the process was killed (exit code 137)"),
    (
        LIMITED,
        terminated(137, reason="OOMKilled", of=LIMITED),
        FAILED,
        "memory ran out at the limit of 4Gi: raise training.resources.limits.memory",
    ),
    (
        job(),
        terminated(137, reason="OOMKilled"),
        FAILED,
        "memory ran out on node node-a, without a limit of its own: raise training.resources.requests.memory",
    ),
    (GENERATE, terminated(137, reason="OOMKilled", of=GENERATE), FAILED, "raise the memory that the namespace's"),
    (
        job(),
        pod({"terminated": {"exitCode": 137, "reason": "Error"}}, phase="Failed", reason="Evicted", message=EXCEEDED),
        FAILED,
        f"its pod was evicted, because it used more than its limit: {EXCEEDED[:-2]}",
    ),
    (job(), terminated(137, PRESSURE), LOST, "its pod was disrupted: The node was low on resource: memory."),
    (job(), terminated(143, DRAINED), LOST, "its pod was disrupted: Eviction API: evicting"),
    (DISRUPTED_JOB, None, LOST, "its pod is gone: Pod drama/x has condition DisruptionTarget"),
    (failed("BackoffLimitExceeded", "Job has reached the specified backoff limit"), None, LOST, "its pod is gone"),
    (exited(1), None, FAILED, "the trainer ended with exit code 1, and its pod is gone with the cause"),
    (exited(2), None, REFUSED, "the trainer ended with exit code 2"),
    (job(), terminated(143, deleted=BEFORE_GRACE), LOST, "somebody deleted its pod"),
    (job(), terminated(1, deleted=BEFORE_GRACE, message="bad"), FAILED, "bad (exit code 1)"),
    (job(deleted=True), running(), LOST, "somebody deleted its Job"),
    (job(), terminated(137, reason="ContainerStatusUnknown"), LOST, "node node-a lost its pod: the kubelet does not"),
    (
        job(),
        pod(None, phase="Failed", reason="UnexpectedAdmissionError", message="Allocate failed: no GPU"),
        LOST,
        "node node-a lost its pod: Allocate failed: no GPU",
    ),
    (
        job(),
        terminated(128, reason="StartError", message='exec: "scriptmodel-trainer": executable file not found'),
        FAILED,
        'exec: "scriptmodel-trainer": executable file not found: is trainer:1 an image of scriptmodel\'s trainer?',
    ),
    (
        job(),
        pod({"running": {"startedAt": STARTED}}, TAINTED, deleted=BEYOND_GRACE),
        LOST,
        "node node-a does not answer (Taint manager: deleting due to NoExecute taint node-a): check the node",
    ),
    (job(), waiting("ContainerCreating", deleted=BEYOND_GRACE), LOST, "node node-a does not answer"),
]


@pytest.mark.parametrize(("of", "found", "reason"), WAITS)
def test_an_attempt_waits(of: Object, found: Object | None, reason: str) -> None:
    attempt = attempt_of(of, found, NOW)
    assert (attempt.state, attempt.finished) == (WAITING, None)
    assert attempt.reason.startswith(reason)
    assert bool(attempt.reason) == bool(reason)


@pytest.mark.parametrize(("of", "found", "state", "reason"), ENDS)
def test_an_attempt_ends(of: Object, found: Object | None, state: AttemptState, reason: str) -> None:
    attempt = attempt_of(of, found, NOW)
    assert attempt.state is state
    assert reason in attempt.reason
    assert bool(attempt.reason) == bool(reason)
    assert attempt.finished


def test_an_attempt_waits_while_kubernetes_accepts_no_pod() -> None:
    attempt = attempt_of(job(), None, NOW, REFUSED_POD)
    assert (attempt.state, attempt.reason) == (WAITING, f"Kubernetes accepts no pod for it: {REFUSED_POD}")


def test_an_attempt_runs_also_while_its_pod_is_within_its_grace() -> None:
    for found in (running(), running(deleted=BEFORE_GRACE)):
        attempt = attempt_of(job(), found, NOW)
        assert (attempt.state, attempt.reason, attempt.finished) == (RUNNING, "", None)


@pytest.mark.parametrize(("number", "seconds"), [(1, 5), (2, 10), (7, 300), (999_999_999, 300)])
def test_the_more_attempts_there_were_the_longer_one_waits_that_is_lost_at_once(number: int, seconds: int) -> None:
    of, refused = job(), pod(None, phase="Failed", reason="OutOfcpu", message="no cpu")
    of["metadata"]["labels"]["scriptmodel.dev/attempt"] = str(number)
    pause = datetime.fromisoformat(CREATED) + timedelta(seconds=seconds)
    early, late = (attempt_of(of, refused, pause + timedelta(seconds=after)) for after in (-1, 0))
    assert (early.state, late.state) == (WAITING, LOST)
    assert early.reason == late.reason == "node node-a lost its pod: no cpu"
    assert attempt_of(of, terminated(1), pause - timedelta(seconds=1)).state is FAILED


def test_an_attempt_has_the_times_of_its_process() -> None:
    attempt = attempt_of(job(), terminated(1), NOW)
    assert (attempt.name, attempt.pipeline, attempt.hash, attempt.number) == (NAME, "thrones-train", HASH, 1)
    assert attempt.started == datetime.fromisoformat(STARTED).astimezone(UTC)
    assert attempt.finished == datetime.fromisoformat(ENDED)


def test_a_job_without_a_pod_ended_when_its_condition_says() -> None:
    done = attempt_of(job(condition("Complete", "CompletionsReached")), None, NOW)
    assert (done.started, done.finished) == (None, datetime.fromisoformat(ENDED))
    assert attempt_of(job(deleted=True), None, NOW).finished == NOW


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (terminated(1, message="bad"), "exit status 1"),
        (terminated(137), "signal: killed"),
        (terminated(137, reason="OOMKilled", of=LIMITED), "memory ran out at the limit of 4Gi"),
        (terminated(0), ""),
        (terminated(143, DRAINED), ""),
    ],
)
def test_a_log_ends_with_how_the_process_ended(found: Object, words: str) -> None:
    ended = ending(found)
    assert ended
    assert ended.words.startswith(words)
    assert bool(ended.words) == bool(words)


@pytest.mark.parametrize("found", [running(), waiting("ContainerCreating"), pod(None, phase="Pending")])
def test_a_process_that_may_run_has_not_ended(found: Object) -> None:
    assert ending(found) is None


EXAMPLE = Path("tests/contract/job.json")
EXPIRES = datetime(2026, 12, 2, 3, 4, 5, tzinfo=UTC)
OWN = f"https://s3.example/v1/drama/runs/{HASH}/3/"
GET, PUT = "?method=GET&seconds=60", "?method=PUT&seconds=60"


def document(run: Run = RUN, number: int = 3, earlier: tuple[int, ...] = (2, 1), url: str = "") -> dict[str, Any]:
    def sign(method: str, keys: Any) -> list[str]:
        return [each + url for each in FakeBucket().sign(method, keys, 60)]

    return dict(json.loads(job_document(run, number, earlier, sign, EXPIRES)))


def packs(count: int) -> Manifest:
    return Manifest(tuple(Pack(f"v1/drama/uploads/one/pack-{number:04}", 1, "0" * 64) for number in range(count)))


def test_the_document_is_the_example_that_the_trainer_reads() -> None:
    base = Input("base", PLAYS)
    spec = changed(PLAIN, base=BranchRef(RepoRef("library", "verse"), "master"))
    run = replace(RUN, spec=spec, inputs=(*RUN.inputs, base))
    assert document(run) == json.loads(EXAMPLE.read_text())


def test_of_a_folder_only_its_packs_are_signed() -> None:
    spec = changed(PLAIN, trials=BranchRef(RepoRef("drama", "thrones-trials"), "master"))
    trial = Input("trial", PLAYS, "/acts")
    (read,) = document(replace(RUN, spec=spec, inputs=(trial,)))["inputs"]
    assert read["packs"] == [f"https://s3.example/v1/drama/uploads/one/pack-0001{GET}"]
    assert (read["folder"], read["manifest"]["sha256"]) == ("/acts", trial.part.id)
    assert read["manifest"]["size"] == len(trial.part.encode())


def test_more_urls_than_a_secret_may_have_are_refused() -> None:
    fits = MAX_URLS - 66 - 4 - 1  # those of the output, the checkpoints and the manifest of the input
    found = document(replace(RUN, inputs=(Input("corpus", packs(fits - 3)),)))
    assert len(found["checkpoints"]["read"]) == 2  # a checkpoint less, rather than no attempt
    document(replace(RUN, inputs=(Input("corpus", packs(fits)),)))
    with pytest.raises(RefusedError, match=r"drama/thrones-train: its inputs have 1 packs too many for 200 URLs"):
        document(replace(RUN, inputs=(Input("corpus", packs(fits + 1)),)))


def test_urls_that_are_too_long_for_a_secret_are_refused() -> None:
    with pytest.raises(RefusedError, match=f"a Secret holds {MAX_BYTES}"):
        document(url="&" + "x" * (MAX_BYTES // 70))


@pytest.mark.parametrize(
    "changed",
    [
        {"spec": replace(PLAIN, command=(*PLAIN.command, "--seed", "2"))},
        {"spec": replace(PLAIN, image="trainer:2")},
        {"spec": replace(PLAIN, ref=replace(PLAIN.ref, name="other-train"))},
        {"inputs": (Input("corpus", PLAYS, "/acts"),)},
        {"inputs": (Input("corpus", replace(PLAYS, files=PLAYS.files[:1])),)},
        {"retrain_at": "now"},
    ],
)
def test_another_pipeline_command_image_input_or_request_is_another_run(changed: dict[str, Any]) -> None:
    same = {"spec": PLAIN, "inputs": RUN.inputs, "retrain_at": ""}
    assert run_hash(**same | changed) != run_hash(**same)


def test_where_a_run_is_computed_and_where_its_bytes_lie_is_no_part_of_it() -> None:
    elsewhere = replace(PLAYS, packs=tuple(replace(each, key=f"{each.key[:-4]}9999") for each in PLAYS.packs[:1]))
    spec = changed(PLAIN, node_selector=(("disk", "ssd"),), tries=5)
    assert run_hash(spec, (Input("corpus", elsewhere),), "") == run_hash(PLAIN, RUN.inputs, "")
    assert len(run_hash(spec, (), "")) == 56
