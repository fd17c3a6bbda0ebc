"""Errors: the status shows each with its cause and what to do; what is blocked can be deleted."""

import json
from collections.abc import Callable

import pytest

from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.engine.values import BranchRef, LogLine, PipelineRef, PipelineState
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.observer import Observer
from tests.unit.operator.fake_pachyderm import FakeLog
from tests.unit.operator.pachyderm_state import SCRIPT
from tests.unit.operator.terminal import event
from tests.unit.operator.versioned_pachd import REFUSED_BY_STORAGE
from tests.unit.operator.world import PLAYS, World, started_world, trained_world


def test_a_failed_training_reports_the_trainers_message_and_keeps_the_last_script() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, {"/empty.txt": b"\n"})
    error = event(event="error", code="no-words", message="the corpus has no words", hint="put scripts into it")
    world.pachyderm.fail(world.train, ["Traceback of something", error])
    world.reconcile()
    assert world.ready == ("False", "TrainingFailed")
    assert "the corpus has no words (put scripts into it)" in world.condition("Ready")["message"]
    assert world.condition("Stalled")["status"] == "True"
    assert world.model.status["script"]["excerpt"] == SCRIPT.decode()
    world.apply({"generation": {"words": 90}})
    assert world.written() == [], "generate is not touched while there is no model for it"


def in_progress(kind: str) -> tuple[World, PipelineRef]:
    """Return a world whose training or generation is in progress, and that pipeline."""
    world = started_world()
    if kind == "train":
        return world, world.train
    world.pachyderm.succeed(world.train)
    return world, world.generate


@pytest.mark.parametrize("kind", ["train", "generate"])
def test_the_message_of_a_failure_outlasts_its_log_and_is_not_reused_for_another(kind: str) -> None:
    world, ref = in_progress(kind)
    begun = [event(event="start", epochs=4), event(event="epoch", epoch=1, train_perplexity=50, valid_perplexity=40)]
    job = world.pachyderm.fail(ref, [*begun, "Segmentation fault"])
    world.reconcile()
    reported = world.model.status
    assert reported["training"]["epochProgress"] == ("1/4" if kind == "train" else "1/1")
    what = "training" if kind == "train" else "generation"
    assert world.condition("Ready")["message"] == f"{what} failed: Segmentation fault (job {job.ref.id[:8]})"
    world.pachyderm.logs.clear()
    world.observer = Observer(world.pachyderm, world.cluster)  # that of an operator which was started anew
    world.reconcile()
    assert world.model.status == reported
    world.pachyderm.put(world.corpus, {"/macbeth.txt": b"MACBETH: Is this a dagger?"})
    if kind == "generate":
        world.pachyderm.succeed(world.train)
    world.pachyderm.fail(ref)
    world.reconcile()
    assert "its log is gone, because nobody read it while it ran (job " in world.condition("Ready")["message"]


def test_a_process_without_output_is_reported_with_the_workers_message() -> None:
    """A process that is killed for its memory cannot report it."""
    world = started_world()
    world.pachyderm.fail(world.train, verdict="signal: killed")
    world.reconcile()
    message = world.condition("Ready")["message"]
    assert message.startswith("training failed: the process was killed (`signal: killed`), most likely because memory")
    assert "training.resources.limits.memory" in message
    world.pachyderm.put(world.corpus, PLAYS)
    job = world.pachyderm.fail(world.train, ["Traceback", "ValueError: odd"], verdict="exit status 2")
    world.reconcile()
    message = world.condition("Ready")["message"]
    assert message == (
        "training failed: ValueError: odd (the process ended with `exit status 2`); its log before that: Traceback "
        f"(job {job.ref.id[:8]})"
    )


@pytest.mark.parametrize(
    ("prepare", "reason", "words"),
    [
        (lambda world: world.written(), "CorpusNotFound", "`scriptmodel push DIR --repo plays --create -n ml`"),
        (
            lambda world: world.pachyderm.put(BranchRef(world.corpus.repo, "draft"), PLAYS),
            "CorpusBranchNotFound",
            "has no branch 'master'",
        ),
        (lambda world: world.pachyderm.put(world.corpus, {}), "CorpusEmpty", "scriptmodel push DIR --repo plays"),
        (lambda world: world.pachyderm.projects.clear(), "ProjectNotFound", "pachctl create project default"),
    ],
)
def test_a_missing_corpus_is_reported_with_what_to_do_and_nothing_is_created(
    prepare: Callable[[World], object], reason: str, words: str
) -> None:
    world = World()
    prepare(world)
    world.reconcile()
    assert world.ready == ("False", reason)
    assert words in world.condition("Ready")["message"]
    assert world.condition("Stalled")["status"] == "True"
    assert [world.condition(kind)["reason"] for kind in ("Trained", "Generated")] == ["NotStarted", "NotStarted"]
    assert world.written() == []


def test_a_pipeline_that_is_refused_or_finds_no_node_has_the_reason() -> None:
    world = started_world({"training": {"pendingDeadline": "1m"}})
    world.pachyderm.set_state(
        world.train, PipelineState.CRASHING, "0/1 nodes are available: 1 Insufficient nvidia.com/gpu"
    )
    world.reconcile()
    assert world.ready == ("False", "WaitingForWorker")
    assert "Insufficient nvidia.com/gpu" in world.condition("Ready")["message"]
    world.pachyderm.advance(61)
    world.reconcile()
    message = world.condition("Ready")["message"]
    assert message.startswith("no worker started within pendingDeadline: 0/1 nodes are available: 1 Insuff"), message
    world.pachyderm.set_state(world.train, PipelineState.FAILURE, "could not update resources")
    world.reconcile()
    assert world.ready == ("False", "PipelineFailed")


def test_a_pipeline_that_cannot_make_its_job_says_why() -> None:
    world = started_world()
    world.pachyderm.jobs.clear()
    world.pachyderm.set_state(world.train, PipelineState.CRASHING, "exceeded quota: gpus")
    world.reconcile()
    assert (world.ready[1], world.condition("Trained")["message"]) == (
        "WaitingForWorker",
        "no worker can start: exceeded quota: gpus",
    )


def test_a_job_without_data_never_counts_as_trained() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, {})
    world.pachyderm.succeed(world.train)
    world.reconcile()
    assert world.ready == ("False", "NoData")
    assert world.condition("Trained")["status"] == "False"


def test_a_failure_message_starts_with_the_cause_names_fields_and_ends_with_the_job() -> None:
    world = started_world()
    error = event(event="error", code=4, message="training diverged", hint="lower learning_rate\nor --preset")
    job = world.pachyderm.fail(world.train, ["noise", error])
    world.reconcile()
    assert world.condition("Ready")["message"] == (
        f"training failed: training diverged (lower learningRate or model.preset) (job {job.ref.id[:8]})"
    )
    world = started_world()
    world.pachyderm.succeed(world.train)
    error = event(event="error", code=2, message='unknown speaker "HAMLTE"', hint="see --speaker and --top-p")
    job = world.pachyderm.fail(world.generate, [error])
    world.reconcile()
    assert world.condition("Ready")["message"] == (
        'generation failed: unknown speaker "HAMLTE" (see generation.speaker and generation.topP) '
        f"(job {job.ref.id[:8]})"
    )


@pytest.mark.parametrize("content", [None, b"", b" \n\n", b"\0\0"])
def test_without_a_script_or_its_text_the_generation_has_failed(content: bytes | None) -> None:
    """For example with an image that is not a trainer."""
    world = started_world()
    world.pachyderm.succeed(world.train)
    job = world.pachyderm.succeed(world.generate)
    written = world.pachyderm.files[world.generate.output, job.ref.id]
    del written["/new_script.txt"]
    written |= {} if content is None else {"/new_script.txt": content}
    world.reconcile()
    assert world.ready == ("False", "GenerationFailed")
    words = "generation wrote no /new_script.txt: the image" if content is None else "wrote an empty /new_script.txt"
    assert words in world.condition("Ready")["message"]
    assert world.condition("Stalled")["status"] == "True"


def test_a_corpus_that_does_not_look_like_scripts_is_shown_also_after_training() -> None:
    world = started_world()
    doubt = event(event="warning", code="not_scripts", message="a.yaml does not look like a script (3 % understood)")
    world.train_with([doubt, event(event="start", epochs=1)])
    assert world.condition("Ready")["message"].endswith(
        "; warning: a.yaml does not look like a script (3 % understood)"
    )
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.observer = Observer(world.pachyderm, world.cluster)  # that of an operator which was started anew
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert world.model.status["training"]["warnings"] == ["a.yaml does not look like a script (3 % understood)"]


def test_storage_that_refuses_the_output_is_the_reason_until_the_job_ends() -> None:
    """Pachyderm trains again and again; of its jobs and datums only the count of restarts shows it."""
    world = started_world()
    start, ended = json.dumps({"event": "start", "epochs": 3}), json.dumps({"event": "epoch", "epoch": 3})
    for ref, printed in ((world.train, [start, ended]), (world.generate, [])):
        job = world.pachyderm.run(ref).ref
        refused = LogLine(REFUSED_BY_STORAGE, worker_error=True)
        lines = [*(LogLine(text) for text in printed), refused]
        for again in (lines, [*lines, LogLine(start)]):
            found = {job: again}
            world.pachyderm.log_source = lambda each, _follow, found=found: FakeLog(found.get(each, []))
            world.observer.logs = LogFollower(world.pachyderm, limit=0)
            world.reconcile()
            assert world.ready == ("False", "WorkerError")
            message = world.condition("Ready")["message"]
            assert message.startswith("the worker repeats the job, because it failed outside the trainer: blob (")
            assert "permission denied; check the engine's storage" in message
            assert world.condition("Stalled")["status"] == "False", "it continues once the storage works"
        world.pachyderm.succeed(ref)
        world.reconcile()
    assert world.ready == ("True", "Generated")


@pytest.mark.parametrize("call", ["read_file", "branch_head", "inspect_commit"])
def test_an_object_whose_data_cannot_be_read_is_deleted_all_the_same(call: str) -> None:
    world = trained_world()
    world.observer = Observer(world.pachyderm, world.cluster)
    lost = RefusedError(call, "no such object in storage", "UNKNOWN")
    world.pachyderm.fault = lambda each: lost if each == call else None
    assert world.delete() is None
    assert world.pachyderm.pipelines == {}
