"""The engine of Jobs computes what is applied: once, for each new version, and whatever happens to an attempt."""

from dataclasses import replace
from typing import Any

import pytest

from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.marks import naming
from scriptmodel_operator.desired.command_lines import generate_command
from scriptmodel_operator.engine.errors import AccessError, NotFoundError, UnavailableError
from scriptmodel_operator.engine.values import (
    BranchRef,
    JobInfo,
    JobState,
    PipelineApply,
    PipelineInput,
    PipelineRef,
    PipelineSpec,
    PipelineState,
    RepoRef,
    ResourceAmounts,
)
from scriptmodel_operator.jobs.gateway import JobsGateway
from tests.unit.operator.job_worlds import PLAYS_BRANCH, JobWorld
from tests.unit.operator.pipeline_specs import changed
from tests.unit.operator.world import PLAYS

TRAIN = PipelineRef("ml", "thrones-train")
GENERATE = PipelineRef("ml", "thrones-generate")
TRAINING = PipelineSpec(
    ref=TRAIN,
    image="trainer:1",
    command=("scriptmodel-trainer", "train"),
    input=PipelineInput("corpus", PLAYS_BRANCH, "/"),
)
WRITING = replace(
    TRAINING,
    ref=GENERATE,
    command=generate_command(Generation()),
    input=PipelineInput("model", BranchRef(TRAIN.output, "master"), "/"),
)

TRIALS = BranchRef(RepoRef("ml", "thrones-trials"), "master")


def jobs(gateway: JobsGateway, ref: PipelineRef = TRAIN) -> list[JobInfo]:
    return list(gateway.list_pipeline_jobs(ref, 50))


def states(gateway: JobsGateway, ref: PipelineRef = TRAIN) -> list[str]:
    return [job.state.name for job in jobs(gateway, ref)]


def applied(world: JobWorld, *specs: PipelineSpec, corpus: dict[str, bytes] | None = None) -> JobsGateway:
    """Return a gateway after pipelines were applied over a corpus, and one poll."""
    world.put(PLAYS_BRANCH, PLAYS if corpus is None else corpus)
    gateway = world.gateway()
    gateway.apply_pipelines([PipelineApply(spec) for spec in specs or (TRAINING,)])
    gateway.settle(["ml"])
    return gateway


def training() -> tuple[JobWorld, JobsGateway]:
    """Return what follows after the pod of a training was seen to run."""
    world = JobWorld()
    gateway = applied(world)
    world.start()
    gateway.settle(["ml"])
    return world, gateway


def polled(world: JobWorld, gateway: JobsGateway, times: int = 3) -> None:
    for _ in range(times):
        world.run()
        gateway.settle(["ml"])


def update(gateway: JobsGateway, spec: PipelineSpec, *, reprocess: bool = False) -> None:
    gateway.apply_pipelines([PipelineApply(spec, update=True, reprocess=reprocess)])
    gateway.settle(["ml"])


def test_a_model_is_trained_and_a_script_is_written() -> None:
    world = JobWorld()
    gateway = applied(world, TRAINING, WRITING)
    assert states(gateway) == ["STARTING"]
    world.start()
    gateway.settle(["ml"])
    assert states(gateway) == ["RUNNING"]
    polled(world, gateway)
    (trained,), (written,) = jobs(gateway), jobs(gateway, GENERATE)
    assert (trained.state, trained.data_total, trained.data_processed) == (JobState.SUCCESS, 1, 1)
    assert gateway.read_file(GENERATE.output, written.ref.id, "/new_script.txt", 99).startswith(b"[ JON ]")
    commit = gateway.inspect_commit(GENERATE.output, written.ref.id)
    assert commit.provenance == ((TRAIN.output, trained.ref.id),)
    assert world.ran == ["train 1", "generate 1"]


def job_of(world: JobWorld) -> dict[str, Any]:
    (job,) = world.unfinished
    return job


def numbers(world: JobWorld) -> list[str]:
    return [job["metadata"]["labels"]["scriptmodel.dev/attempt"] for job in world.unfinished]


def test_attempts_are_counted_as_they_start_and_end() -> None:
    world = JobWorld()
    gateway = applied(world)
    assert world.counted == ["started"]
    gateway.settle(["ml"])
    gateway.settle(["ml"])
    world.end(job_of(world), 143, disrupted=True)
    gateway.settle(["ml"])
    world.start()
    gateway.settle(["ml"])
    world.delete(job_of(world))
    gateway.settle(["ml"])
    polled(world, gateway)
    assert world.counted == ["started", "lost", "started", "lost", "started", "succeeded"]


def test_a_failed_attempt_is_repeated_as_often_as_the_spec_says() -> None:
    world = JobWorld()
    gateway = applied(world, changed(TRAINING, tries=2))
    for number in ("1", "2"):
        assert numbers(world) == [number]
        world.end(job_of(world), 1, "disk is full")
        gateway.settle(["ml"])
        gateway.settle(["ml"])
    (failed,) = jobs(gateway)
    assert (failed.state, failed.reason) == (JobState.FAILURE, "disk is full (exit code 1)")
    assert not world.unfinished


def test_bad_input_is_not_tried_again() -> None:
    world = JobWorld()
    gateway = applied(world, changed(TRAINING, tries=3))
    world.end(job_of(world), 2, "unknown speaker")
    polled(world, gateway)
    assert states(gateway) == ["FAILURE"]
    assert world.ran == []


@pytest.mark.parametrize("gone", ["jobs", "pods"])
def test_a_lost_attempt_uses_up_no_try(gone: str) -> None:
    world = JobWorld()
    gateway = applied(world)
    for number in range(1, 5):
        assert numbers(world) == [str(number)]
        world.start()
        gateway.settle(["ml"])
        if gone == "jobs":
            world.delete(job_of(world))
        else:
            world.end(job_of(world), 143, disrupted=True)
        gateway.settle(["ml"])
        gateway.settle(["ml"])
    polled(world, gateway)
    assert states(gateway) == ["SUCCESS"]
    assert world.ran == ["train 5"]


def test_a_result_that_is_not_valid_is_a_failed_try() -> None:
    world = JobWorld()
    gateway = applied(world)
    world.end(job_of(world), 0)
    gateway.settle(["ml"])
    (failed,) = jobs(gateway)
    assert failed.state is JobState.FAILURE
    assert "is trainer:1 an image of scriptmodel's trainer?" in failed.reason


def test_a_pipeline_runs_while_it_has_a_job_and_else_stands_by() -> None:
    world = JobWorld()
    gateway = applied(world)
    states = [gateway.settle(["ml"]).list_pipelines(["ml"])[0].state]
    world.run()
    states.append(gateway.settle(["ml"]).list_pipelines(["ml"])[0].state)
    assert states == [PipelineState.RUNNING, PipelineState.STANDBY]


def test_why_an_attempt_waits_is_the_reason_of_its_pipeline_until_it_runs() -> None:
    world = JobWorld()
    gateway = applied(world)
    world.block(job_of(world), "0/3 nodes are available: 3 Insufficient memory")
    (info,) = gateway.settle(["ml"]).list_pipelines(["ml"])
    assert (info.state, "Insufficient memory" in info.reason) == (PipelineState.CRASHING, True)
    world.start()
    (info,) = gateway.settle(["ml"]).list_pipelines(["ml"])
    assert (info.state, info.reason) == (PipelineState.RUNNING, "")


def test_why_the_next_attempt_waits_after_a_drain_is_the_reason_of_its_pipeline() -> None:
    world, gateway = training()
    world.end(job_of(world), 143, disrupted=True)
    gateway.settle(["ml"])
    world.block(job_of(world), "0/1 nodes are available: 1 node(s) were unschedulable")
    (info,) = gateway.settle(["ml"]).list_pipelines(["ml"])
    assert (info.state, "were unschedulable" in info.reason) == (PipelineState.RUNNING, True)
    world.start()
    (info,) = gateway.settle(["ml"]).list_pipelines(["ml"])
    assert info.reason == ""


def test_a_job_that_a_queue_holds_back_waits_for_quota() -> None:
    world = JobWorld()
    gateway = applied(world, changed(TRAINING, labels=(("kueue.x-k8s.io/queue-name", "gpus"),)))
    gateway.settle(["ml"])
    assert (jobs(gateway)[0].queued, jobs(gateway)[0].released) == (True, None)
    assert gateway.settle(["ml"]).list_pipelines(["ml"])[0].state is PipelineState.RUNNING
    world.cluster.set("jobs", "ml", job_of(world)["metadata"]["name"], spec={**job_of(world)["spec"], "suspend": False})
    gateway.settle(["ml"])
    assert not jobs(gateway)[0].queued
    assert jobs(gateway)[0].released


def test_a_job_that_a_queue_stops_while_it_runs_says_what_it_waits_for() -> None:
    world = JobWorld()
    gateway = applied(world, changed(TRAINING, labels=(("kueue.x-k8s.io/queue-name", "gpus"),)))
    gateway.settle(["ml"])
    name = job_of(world)["metadata"]["name"]
    world.cluster.set("jobs", "ml", name, spec={**job_of(world)["spec"], "suspend": False})
    world.start()
    gateway.settle(["ml"])
    world.cluster.set("jobs", "ml", name, spec={**job_of(world)["spec"], "suspend": True})
    for place in [place for place in world.cluster.objects if place[0] == "pods"]:
        del world.cluster.objects[place]
    (info,) = gateway.settle(["ml"]).list_pipelines(["ml"])
    assert (info.state, info.reason) == (PipelineState.RUNNING, "waits in queue gpus")


def test_a_new_version_waits_for_the_running_job_and_the_newest_one_is_computed_next() -> None:
    world, gateway = training()
    for text in (b"1", b"2"):
        world.put(PLAYS_BRANCH, {"/a.txt": text})
        gateway.settle(["ml"])
    assert states(gateway) == ["CREATED", "KILLED", "RUNNING"]
    polled(world, gateway)
    assert states(gateway) == ["SUCCESS", "KILLED", "SUCCESS"]
    assert gateway.read_file(TRAIN.output, jobs(gateway)[0].ref.id, "/model.json", 9) == b"2"


def test_an_update_kills_the_running_job_and_reuses_results() -> None:
    world, gateway = training()
    update(gateway, replace(TRAINING, image="trainer:2"))
    assert states(gateway) == ["STARTING", "KILLED"]
    polled(world, gateway)
    update(gateway, changed(TRAINING, image="trainer:2", tries=5), reprocess=False)
    polled(world, gateway)
    assert [(job.state.name, job.version, job.data_skipped) for job in jobs(gateway)] == [
        ("SUCCESS", 3, 1),
        ("SUCCESS", 2, 0),
        ("KILLED", 1, 0),
    ]
    assert world.ran == ["train 1"]


def test_what_is_to_be_computed_again_is_although_it_has_a_result() -> None:
    world = JobWorld()
    gateway = applied(world)
    polled(world, gateway)
    update(gateway, changed(TRAINING, runtime_class="nvidia"), reprocess=True)
    polled(world, gateway)
    assert world.ran == ["train 1", "train 2"]
    world.put(PLAYS_BRANCH, {"/a.txt": b"other"})
    polled(world, gateway)
    world.put(PLAYS_BRANCH, PLAYS)
    polled(world, gateway)
    assert world.ran == ["train 1", "train 2", "train 1"]
    update(gateway, replace(TRAINING, image="trainer:2"), reprocess=True)
    polled(world, gateway)
    update(gateway, TRAINING, reprocess=True)  # as before: it has a result
    polled(world, gateway)
    assert world.ran == ["train 1", "train 2", "train 1", "train 1"]


def test_a_stopped_job_stays_stopped_until_something_changes() -> None:
    world = JobWorld()
    gateway = applied(world)
    gateway.stop_job(jobs(gateway)[0].ref, "too long")
    gateway.settle(["ml"])
    gateway.settle(["ml"])
    assert [(job.state, job.reason) for job in jobs(gateway)] == [(JobState.KILLED, "too long")]
    assert not world.cluster.of("jobs")
    assert not world.cluster.of("secrets")
    update(gateway, changed(TRAINING, tries=2))
    assert states(gateway) == ["STARTING", "KILLED"]


def test_equal_runs_of_two_pipelines_are_each_ones_own_whose_bytes_go_with_it() -> None:
    world = JobWorld()
    renamed = replace(TRAINING, ref=PipelineRef("ml", "other-train"))
    gateway = applied(world, TRAINING, renamed)
    gateway.delete_pipeline(TRAIN, keep_repo=False)  # while the other one runs
    polled(world, gateway)
    assert states(gateway, renamed.ref) == ["SUCCESS"]
    assert gateway.read_file(renamed.ref.output, jobs(gateway, renamed.ref)[0].ref.id, "/model.json", 9)
    folders = {key.split("/")[3] for key in world.bucket.objects if "/runs/" in key}
    gateway.delete_pipeline(renamed.ref, keep_repo=False)
    assert len(folders) == 1
    assert not [key for key in world.bucket.objects if "/runs/" in key]


def test_an_empty_version_makes_a_job_without_data_and_a_branch_without_any_none() -> None:
    world = JobWorld()
    gateway = applied(world, TRAINING, WRITING, corpus={"/empty.txt": b""})
    (job,) = jobs(gateway)
    assert (job.state, job.data_total, job.good) == (JobState.SUCCESS, 0, False)
    assert states(gateway, GENERATE) == []


def test_an_error_of_one_pipeline_keeps_no_other_from_its_step(caplog: pytest.LogCaptureFixture) -> None:
    world = JobWorld()
    world.cluster.fault = lambda call, _after: (
        AccessError("creating Job", "exceeded quota", "403", denied=True)
        if call.startswith("POST jobs thrones-train")
        else None
    )
    other = replace(TRAINING, ref=PipelineRef("ml", "another"), command=("another",))
    gateway = applied(world, TRAINING, other)
    known = {info.ref: info for info in gateway.settle(["ml"]).list_pipelines(["ml"])}
    assert "exceeded quota" in known[TRAIN].reason
    assert not known[other.ref].reason
    assert states(gateway, other.ref) == ["STARTING"]
    assert len(caplog.records) == 1


def test_an_idle_object_costs_one_list_of_records_and_no_listing_of_the_bucket() -> None:
    world = JobWorld()
    gateway = applied(world, TRAINING, WRITING)
    polled(world, gateway)
    world.cluster.calls.clear()
    world.bucket.calls.clear()
    lists = gateway.settle(["ml"])
    lists.list_repos(["ml"]), lists.list_pipelines(["ml"]), lists.list_jobs("ml", 100)
    assert world.cluster.calls == ["GET configmaps"]
    assert world.bucket.calls == ["get v1/engine.json"]


def test_many_running_attempts_cost_one_list_of_jobs_and_pods() -> None:
    world = JobWorld()
    many = (
        replace(TRAINING, ref=PipelineRef("ml", f"play-{number}-train"), image=f"x:{number}") for number in range(5)
    )
    gateway = applied(world, *many)
    world.start()
    gateway.settle(["ml"])
    world.cluster.calls.clear()
    world.bucket.calls.clear()
    gateway.settle(["ml"])
    assert world.cluster.calls == ["GET configmaps", "GET jobs", "GET pods"]
    assert world.bucket.calls == ["get v1/engine.json"]


def test_the_log_of_a_job_is_that_of_its_runs() -> None:
    world = JobWorld()
    gateway = applied(world)
    (job,) = jobs(gateway)
    with pytest.raises(NotFoundError):
        gateway.read_log(job.ref, follow=False, seconds=5)
    world.cluster.calls.clear()
    world.bucket.calls.clear()
    with pytest.raises(NotFoundError):
        gateway.read_log(job.ref, follow=True, seconds=5)
    assert len(world.cluster.calls) == 1, "many may wait, and each is asked for its log again and again"
    assert not world.bucket.calls
    world.start()
    gateway.settle(["ml"])
    name = job_of(world)["metadata"]["name"]
    world.cluster.logs[f"{name}-0"] = ["2026-01-01T00:00:00Z one", "2026-01-01T00:00:01Z two"]
    for follow in (False, True):
        lines = gateway.read_log(job.ref, follow=follow, seconds=5)
        assert [line.text for line in lines] == ["one", "two"]


def test_the_log_of_a_failed_run_ends_with_its_cause_when_its_pod_has_none_any_more() -> None:
    """As a kubelet that has evicted a pod: it has removed the log, and the trainer stored its own on SIGTERM."""
    world, gateway = training()
    (pod,) = world.cluster.of("pods")
    status = {**pod["status"], "phase": "Failed", "reason": "Evicted", "message": "too much disk"}
    world.cluster.set("pods", "ml", pod["metadata"]["name"], status=status)
    (run,) = gateway._records.listed().pipelines[TRAIN].record.jobs[0].runs
    world.bucket.put(f"v1/ml/runs/{run.hash}/1/log.jsonl", b"stopped\n")
    gateway.settle(["ml"])
    (job,) = jobs(gateway)
    (stopped, cause) = gateway.read_log(job.ref, follow=False, seconds=5)
    assert (stopped.text, cause.verdict, cause.text) == ("stopped", True, job.reason)
    assert "too much disk" in job.reason


def test_a_namespace_reads_of_others_what_it_may_whoever_edits_its_records() -> None:
    world = JobWorld()
    theirs = BranchRef(RepoRef("films", "plays"), "master")
    world.put(theirs, PLAYS)
    gateway = applied(world, changed(TRAINING, branch=theirs))
    (info,) = gateway.settle(["ml"]).list_pipelines(["ml"])
    assert "namespace 'ml' may not: have the operator run with --allow-repo ml=films/plays" in info.reason
    assert not world.unfinished
    gateway.create_repo(theirs.repo, f"for {naming('ml')}", update=True)
    gateway.settle(["ml"])
    assert len(world.unfinished) == 1


def test_a_record_that_makes_no_sense_stops_no_other() -> None:
    world = JobWorld(limits={"memory": "2Gi"})
    other = replace(TRAINING, ref=PipelineRef("ml", "a"), image="trainer:2")
    gateway = applied(world, replace(TRAINING, requests=ResourceAmounts(memory="much")), other)
    known = {info.ref: info.reason for info in gateway.settle(["ml"]).list_pipelines(["ml"])}
    assert known[TRAIN].startswith("its record makes no sense")
    assert known[other.ref] == ""


def test_a_job_of_an_operator_that_was_held_up_is_stopped_for_another_attempt() -> None:
    world = JobWorld()
    gateway = applied(world)
    late = job_of(world)
    gateway.stop_job(jobs(gateway)[0].ref, "stopped")
    gateway.settle(["ml"])
    update(gateway, changed(TRAINING, tries=2))
    metadata = {key: late["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")}
    world.cluster.request("POST", "/apis/batch/v1/namespaces/ml/jobs", "creating", {**late, "metadata": metadata})
    assert sorted(numbers(world)) == ["1", "2"]
    gateway.settle(["ml"])
    assert numbers(world) == ["2"]


def test_the_logs_of_runs_are_followed_together_until_one_ends() -> None:
    world = JobWorld()
    world.put(TRIALS, {f"/{number:04}-0/trial.json": b'{"share": "1"}' for number in range(1, 4)})
    gateway = applied(world, changed(TRAINING, command=("trial",), trials=TRIALS, workers=3))
    world.start()
    gateway.settle(["ml"])
    for pod in world.cluster.of("pods"):
        world.cluster.logs[pod["metadata"]["name"]] = [f"2026-01-01T00:00:00Z {number}" for number in range(3)]
    (job,) = jobs(gateway)
    lines = [line.text for line in gateway.read_log(job.ref, follow=False, seconds=5)]
    assert sorted(lines) == ["0", "0", "0", "1", "1", "1", "2", "2", "2"]
    followed = [line.text for line in gateway.read_log(job.ref, follow=True, seconds=5)]
    assert followed.count("2") >= 1


def test_what_is_to_be_computed_again_still_is_after_its_first_job_was_stopped() -> None:
    world = JobWorld()
    gateway = applied(world)
    polled(world, gateway)
    update(gateway, changed(TRAINING, runtime_class="nvidia"), reprocess=True)
    gateway.stop_pipeline(TRAIN)
    gateway.settle(["ml"])
    gateway.start_pipeline(TRAIN)
    gateway.settle(["ml"])
    polled(world, gateway)
    assert world.ran == ["train 1", "train 3"]


def test_a_bucket_that_is_away_fails_the_poll_before_any_pipeline_is_tried() -> None:
    world = JobWorld()
    gateway = applied(world, TRAINING, WRITING)
    world.bucket.fault = lambda call: UnavailableError(call, "no answer within 10 s")
    world.bucket.calls.clear()
    with pytest.raises(UnavailableError):
        gateway.settle(["ml"])
    assert world.bucket.calls == ["get v1/engine.json"]
    world.bucket.fault = lambda _call: None
    polled(world, gateway)
    assert states(gateway, GENERATE) == ["SUCCESS"]


def test_an_error_while_an_attempt_runs_is_tried_again_and_blocks_nothing() -> None:
    world, gateway = training()
    world.run()
    world.bucket.fault = lambda call: UnavailableError(call, "503") if "manifest.json" in call else None
    (info,) = gateway.settle(["ml"]).list_pipelines(["ml"])
    assert (info.state, states(gateway)) == (PipelineState.RUNNING, ["RUNNING"])
    world.bucket.fault = lambda _call: None
    gateway.settle(["ml"])
    assert states(gateway) == ["SUCCESS"]
