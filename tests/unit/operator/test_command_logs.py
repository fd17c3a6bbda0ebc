"""The output of `scriptmodel logs`."""

from collections.abc import Sequence

import pytest

from scriptmodel_cli import session
from scriptmodel_cli.logs import describe_line, in_words, lines_of, reported_job
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.values import JobInfo, JobRef, JobState, LogLine, PipelineRef
from tests.unit.operator.fake_pachyderm import FakeLog, FakePachyderm
from tests.unit.operator.terminal import event, training_world
from tests.unit.operator.world import PLAYS, started_world, trained_world


def shown(pachyderm: FakePachyderm, job: JobInfo, *, follow: bool = False) -> list[str]:
    return [*map(in_words, lines_of(pachyderm, job, follow=follow))]


def test_the_log_of_a_model_outlasts_its_pods() -> None:
    world = trained_world()
    job = reported_job(world.pachyderm, world.train)
    assert job is not None
    world.pachyderm.logs[job.ref] = ["of its worker"]
    assert shown(world.pachyderm, job) == ["of its worker"]
    epoch = event(event="epoch", epoch=1, text="Epoch: 1 Valid Perplexity: 2.000\nEpoch: 1 Sample: [ JON ]: Ay.")
    world.pachyderm.files[world.train.output, job.ref.id]["/train.log.jsonl"] = f"{epoch}\n".encode()
    assert shown(world.pachyderm, job) == ["Epoch: 1 Valid Perplexity: 2.000\nEpoch: 1 Sample: [ JON ]: Ay."]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("plain", None),
        (event(event="done", text="Test Perplexity: 12.500"), "Test Perplexity: 12.500"),
        (event(event="warning", trial="0004.2", text="Warning: few words"), "Trial 0004.2: Warning: few words"),
        (event(event="trial", trial="0003", text="Trial 0003: failed"), "Trial 0003: failed"),
        *((odd, None) for odd in (event(event="progress"), event(event="new", text=["x"]), '{"text": "x"}', "{", "{}")),
    ],
)
def test_an_event_is_shown_by_its_words_and_any_other_line_as_it_is(line: str, words: str | None) -> None:
    assert describe_line(line) == (words or line)


def test_a_followed_log_resumes_after_an_interruption_and_ends_with_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "POLL_SECONDS", 0.0)
    world = training_world()
    job = next(job for job in world.pachyderm.jobs.values() if job.ref.pipeline == world.train)
    opened: list[bool] = []

    def source(_job: JobRef, follow: bool) -> FakeLog:
        opened.append(follow)
        if len(opened) == 2:
            world.pachyderm.succeed(world.train)
        return FakeLog([LogLine(f"line {number}") for number in range(2 + len(opened))])

    world.pachyderm.log_source = source
    lines = shown(world.pachyderm, job, follow=True)
    assert lines == [f"line {number}" for number in range(5)]
    assert opened == [True, True, False], "the last request reads the whole log"


def test_a_log_is_followed_on_though_pachyderm_is_away_for_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "POLL_SECONDS", 0.0)
    world = training_world()
    job = world.pachyderm.fail(world.train, ["last words"])
    jobs, faults = world.pachyderm.list_pipeline_jobs, [UnavailableError("listing jobs", "gone")] * 2

    def listed(pipeline: PipelineRef, limit: int) -> Sequence[JobInfo]:
        if faults:
            raise faults.pop()
        return jobs(pipeline, limit)

    monkeypatch.setattr(world.pachyderm, "list_pipeline_jobs", listed)
    assert shown(world.pachyderm, job, follow=True) == ["last words"]
    assert capsys.readouterr().err == "listing jobs: gone; retrying\n"


def test_the_log_is_that_of_the_running_job_although_another_waits() -> None:
    world = training_world()
    running = reported_job(world.pachyderm, world.train)
    world.pachyderm.put(world.corpus, PLAYS)
    assert running is not None
    assert reported_job(world.pachyderm, world.train) == running
    world.pachyderm.succeed(world.train)
    newest = reported_job(world.pachyderm, world.train)
    assert newest is not None
    assert newest.state is JobState.CREATED
    assert reported_job(FakePachyderm(), world.train) is None


def test_the_job_of_a_commit_that_somebody_deleted_is_not_the_newest() -> None:
    world = trained_world()
    before = reported_job(world.pachyderm, world.train)
    commit = world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.succeed(world.train)
    assert reported_job(world.pachyderm, world.train) != before
    world.pachyderm.drop(commit)
    assert reported_job(world.pachyderm, world.train) == before


def test_a_log_ends_with_how_the_process_did_where_only_the_worker_knows() -> None:
    world = started_world()
    job = world.pachyderm.fail(world.train, ["a warning"], verdict="signal: killed")
    for follow in (True, False):
        said = shown(world.pachyderm, job, follow=follow)
        assert said == ["a warning", "the process ended with `signal: killed`"]
