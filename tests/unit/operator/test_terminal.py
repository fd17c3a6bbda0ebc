"""The output of the command `scriptmodel`."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_cli import session, text
from scriptmodel_cli.charts import ASCII, UNICODE, bar, glyphs_for, sparkline
from scriptmodel_cli.diagnosis import Evidence, as_value, next_step, why
from scriptmodel_cli.epochs import perplexities
from scriptmodel_cli.live import Live
from scriptmodel_cli.logs import describe_line, kept_lines, lines_of, newest_jobs, reported_job
from scriptmodel_cli.output import style
from scriptmodel_cli.pushing import ensure_repo
from scriptmodel_cli.screen import status_of
from scriptmodel_operator.api.crd import custom_resource_definition
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.pachyderm.errors import UnavailableError
from scriptmodel_operator.pachyderm.values import BranchRef, JobInfo, JobRef, JobState, LogLine, PipelineRef, RepoRef
from tests.unit.operator.fake_pachyderm import FakeLog, FakePachyderm
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def as_object(world: World) -> dict[str, Any]:
    """Return the object as the API server would."""
    return {
        "metadata": {
            "namespace": world.model.namespace,
            "name": world.model.name,
            "generation": world.model.generation,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": world.model.spec.model_dump(by_alias=True, mode="json"),
        "status": world.model.status,
    }


def event(**fields: object) -> str:
    return json.dumps(fields)


def training_world() -> World:
    """An object in the third of four epochs."""
    world = World()
    world.observer.logs = LogFollower(world.pachyderm, limit=0)  # read when asked for, not in the background
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.run(
        world.train,
        [
            event(event="start", epochs=4),
            event(event="epoch", epoch=1, train_perplexity=500, valid_perplexity=400.5),
            event(event="epoch", epoch=2, train_perplexity=300, valid_perplexity=200.25),
            event(
                event="progress",
                epoch=3,
                epochs=4,
                fraction=0.5,
                perplexity=150,
                words_per_second=12345,
                eta_seconds=100,
            ),
        ],
    )
    world.reconcile()
    return world


def plain(lines: list[str]) -> str:
    return click.unstyle("\n".join(lines))


def test_a_list_has_the_columns_of_kubectl() -> None:
    lines = text.list_of([as_object(trained_world())], CREATED + timedelta(minutes=5), namespaces=True)
    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "STATUS", "PRESET", "EPOCH", "PERPLEXITY", "AGE"]
    assert click.unstyle(lines[1]).split() == ["ml", "thrones", "True", "Generated", "test", "1/1", "170.0", "5m"]


def test_a_wide_list_adds_speed_model_and_message() -> None:
    world = trained_world()
    head, row = text.list_of([as_object(world)], CREATED, namespaces=False, wide=True)
    assert head.split()[-6:] == ["TEST", "WPS", "ETA", "MODEL", "COMMIT", "MESSAGE"]
    model = world.model.status["lineage"]["model"]["commit"]
    assert "   160.0   5000   " in row
    assert f"   {model[:8]}       the script is written (commit " in row


def test_the_columns_are_those_of_the_crd() -> None:
    columns = custom_resource_definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [*text.HEADERS[1:], *text.WIDE_HEADERS] == [str(column["name"]).upper() for column in columns]


def test_columns_are_aligned_with_any_colour() -> None:
    rows = [("A", "B"), (style("long", fg="red"), "x"), ("b", "y")]
    assert [click.unstyle(line) for line in text.table(rows)] == ["A      B", "long   x", "b      y"]


def test_ready_is_green_stuck_is_red_and_work_is_yellow() -> None:
    stuck = World()
    stuck.reconcile()
    for world, colour in ((trained_world(), "green"), (stuck, "red"), (training_world(), "yellow")):
        found = as_object(world)
        assert text.coloured(found, "word") == style("word", fg=colour)


def test_a_status_shows_training_lineage_and_script() -> None:
    world = trained_world()
    told = plain(status_of(as_object(world), CREATED))
    assert "100%  epoch 1/1  5,000 words/s" in told
    assert "best 170.0, test 160.0, validation 170.0, training 150.0" in told
    assert world.model.status["lineage"]["corpus"]["commit"][:8] in told
    assert "[ JON ]: You know nothing ." in told


def test_a_status_of_a_training_shows_progress_time_to_go_and_the_curve() -> None:
    world = training_world()
    told = plain(status_of(as_object(world), CREATED, [400.5, 200.25, 100.1]))
    assert f"{'█' * 18}{'░' * 12} 62%  epoch 3/4  12,345 words/s" in told
    assert "time         0s so far, 1m40s to go" in told
    assert max(map(len, told.splitlines())) <= 80, "a terminal of the usual width cuts nothing"
    assert "by epoch     █▅▁  400.5 → 100.1" in told


def test_a_status_names_each_perplexity_and_shows_the_sample() -> None:
    found = as_object(training_world())
    found["status"]["training"] |= {
        "perplexity": {"best": "90.0", "valid": "91.5", "running": "70.2", "train": "80.0"},
        "sample": "[ JON ]: You know\nnothing.",
    }
    told = plain(status_of(found, CREATED))
    assert "perplexity   best 90.0, validation 91.5, training 80.0, running 70.2" in told
    assert "sample       [ JON ]: You know nothing." in told
    line = text.line_of(found)
    assert "epoch 3/4  62%  best validation perplexity 90.0  running 70.2  1m40s to go" in line
    assert line.endswith("  sample: [ JON ]: You know nothing.")


def test_the_log_of_a_model_outlasts_its_pods() -> None:
    world = trained_world()
    job = reported_job(world.pachyderm, world.train)
    assert job is not None
    assert kept_lines(world.pachyderm, job, raw=False) is None
    epoch = event(event="epoch", epoch=1, train_perplexity=1.0, valid_perplexity=2.0, sample="[ JON ]: Ay.")
    world.pachyderm.files[world.train.output, job.ref.id]["/train.log.jsonl"] = f"{epoch}\n".encode()
    assert [*(kept_lines(world.pachyderm, job, raw=True) or ())] == [epoch]
    told = "epoch 1 done: train 1.0, valid 2.0\n    [ JON ]: Ay."
    assert [*(kept_lines(world.pachyderm, job, raw=False) or ())] == [told]


def test_the_curve_is_read_from_the_log_of_the_running_job_and_then_from_its_model() -> None:
    world = training_world()
    assert perplexities(world.pachyderm, world.model) == [400.5, 200.25]
    job = world.pachyderm.succeed(world.train)
    world.pachyderm.files[job.ref.pipeline.output, job.ref.id]["/metrics.json"] = json.dumps(
        {"epochs": [{"valid_perplexity": 400}, {"valid_perplexity": None}, {"valid_perplexity": 90.5}, "?"]}
    ).encode()
    assert perplexities(world.pachyderm, world.model) == [400.0, 90.5]


def test_the_curve_restarts_with_each_attempt_and_is_empty_before_the_first_epoch() -> None:
    world = training_world()
    assert perplexities(FakePachyderm(), world.model) == []
    for lines in world.pachyderm.logs.values():
        lines.append(event(event="start", epochs=4))
    assert perplexities(world.pachyderm, world.model) == []


def test_a_line_of_a_change_has_progress_while_it_trains_and_the_message_else() -> None:
    line = click.unstyle(text.line_of(as_object(training_world())))
    assert line.split() == [
        "Training",
        "epoch",
        "3/4",
        "62%",
        "best",
        "validation",
        "perplexity",
        "200.2",
        "running",
        "150.0",
        "1m40s",
        "to",
        "go",
    ]
    stuck = World()
    stuck.reconcile()
    assert "corpus repo default/plays does not exist" in text.line_of(as_object(stuck))


@given(st.lists(st.floats(min_value=1, max_value=1e6), max_size=200), st.integers(1, 60))
def test_a_sparkline_never_outgrows_its_width(values: list[float], width: int) -> None:
    assert len(sparkline(values, width)) == min(len(values), width)


def test_a_sparkline_of_many_values_ends_with_the_newest() -> None:
    assert sparkline([10.0] * 99 + [1000.0], 5) == "▁▁▁▁█"


def test_charts_use_only_characters_that_the_stream_can_encode() -> None:
    assert glyphs_for(io.TextIOWrapper(io.BytesIO(), encoding="ascii")) is ASCII
    assert glyphs_for(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) is UNICODE
    assert bar(50, 4, ASCII) == "##--"
    assert sparkline([8, 4, 2, 1], 4, ASCII) == "#=-_"


def test_elsewhere_than_on_a_terminal_a_live_view_prints_a_line_for_each_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = Live()
    assert not live.redraws
    for line in ("a", "a", "b"):
        live.show(["never seen"], line, CREATED)
    assert [each[10:] for each in capsys.readouterr().out.splitlines()] == ["a", "b"]


def test_on_a_terminal_a_live_view_redraws_in_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "4")
    live = Live()
    live.redraws = True
    with click.Context(click.Command("x"), color=True).scope():
        live.show(["one", "two"], "", CREATED)
        live.show(["a line that is too long", "2", "3", "4", "5"], "", CREATED)
        live.note("a note")
        live.show(["below the note"], "", CREATED)
    printed = capsys.readouterr()
    first, second = printed.out.split("\x1b[2F")
    assert first == "\x1b[Jone\ntwo\n"
    assert second == "\x1b[Ja line th…\n2\n3\n\x1b[Jbelow the…\n"
    assert printed.err == "a note\n"


def test_events_of_the_trainer_are_described_and_other_lines_printed_unchanged() -> None:
    assert describe_line("plain") == "plain"
    progress = event(
        event="progress", epoch=2, epochs=3, fraction=0.5, perplexity=77.94, words_per_second=55789.2, eta_seconds=19
    )
    assert describe_line(progress) == "epoch 2/3  50%  perplexity 77.9  55,789 words/s  19s to go"
    ended = event(event="epoch", epoch=1, train_perplexity=1.0, valid_perplexity=2.0, best=True)
    assert describe_line(ended) == "epoch 1 done: train 1.0, valid 2.0, the best so far"
    for record, words in (
        (event(event="error", code="x", message="no words", hint="add some"), "failed: no words (add some)"),
        (event(event="warning", code="x", message="few words"), "warning: few words"),
        (event(event="written", file="out/script.txt", words=1700), "wrote out/script.txt (1,700 words)"),
        (event(event="written", file="report.html", words=None), "wrote report.html"),
        (event(event="dropped", lines=1200), "... 1,200 lines dropped: the stored log is limited in size"),
    ):
        assert describe_line(record) == words
    for odd in (event(event="progress"), event(event="new"), event(event="done", seconds=None), "{", "{}"):
        assert describe_line(odd) == odd


def test_a_followed_log_resumes_after_an_interruption_and_ends_with_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_POLL_SECONDS", 0.0)
    world = training_world()
    job = next(job for job in world.pachyderm.jobs.values() if job.ref.pipeline == world.train)
    opened: list[bool] = []

    def source(_job: JobRef, follow: bool) -> FakeLog:
        opened.append(follow)
        if len(opened) == 2:
            world.pachyderm.succeed(world.train)
        return FakeLog([LogLine("1", f"line {number}") for number in range(2 + len(opened))])

    world.pachyderm.log_source = source
    assert list(lines_of(world.pachyderm, job.ref, follow=True, raw=True)) == [
        "line 0",
        "line 1",
        "line 2",
        "line 3",
        "line 4",
    ]
    assert opened == [True, True, False], "the last look is at all that there is"


def test_a_log_is_followed_on_though_pachyderm_is_away_for_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "_POLL_SECONDS", 0.0)
    world = training_world()
    job = world.pachyderm.fail(world.train, ["last words"])
    jobs, faults = world.pachyderm.list_pipeline_jobs, [UnavailableError("listing jobs", "gone")] * 2

    def listed(pipeline: PipelineRef, limit: int) -> Sequence[JobInfo]:
        if faults:
            raise faults.pop()
        return jobs(pipeline, limit)

    monkeypatch.setattr(world.pachyderm, "list_pipeline_jobs", listed)
    assert list(lines_of(world.pachyderm, job.ref, follow=True, raw=True)) == ["last words"]
    assert capsys.readouterr().err == "listing jobs: gone; retrying\n"
    world.observer.logs.close()


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
    assert newest_jobs(world.pachyderm, world.train, 3) == [before]


def test_the_log_of_a_job_that_is_gone_is_read_once() -> None:
    pachyderm = FakePachyderm()
    ref = JobRef(PipelineRef("default", "train"), "1")
    pachyderm.logs[ref] = ["only line"]
    assert list(lines_of(pachyderm, ref, follow=True, raw=False)) == ["only line"]


def test_a_log_ends_with_how_the_process_did_where_only_the_worker_knows() -> None:
    world = World()
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    job = world.pachyderm.fail(world.train, ["a warning"], verdict="signal: killed")
    for follow in (True, False):
        said = list(lines_of(world.pachyderm, job.ref, follow=follow, raw=False))
        assert said == ["a warning", "the process ended with `signal: killed`"]
    assert list(lines_of(world.pachyderm, job.ref, follow=False, raw=True)) == ["a warning"]


def test_why_gives_the_verdict_and_the_next_step_first() -> None:
    lines = why(as_object(trained_world()), Evidence(), CREATED)
    assert click.unstyle(lines[0]).startswith("Ready: the script is written")
    assert lines[1] == "Next: scriptmodel script thrones -n ml"
    world = World()
    world.reconcile()
    event = {"eventTime": "2026-01-01T00:00:00Z", "reason": "CorpusNotFound", "note": "note", "type": "Warning"}
    lines = [click.unstyle(line) for line in why(as_object(world), Evidence([event]), CREATED)]
    assert lines[0].startswith("Stalled (CorpusNotFound): corpus repo default/plays does not exist")
    assert lines[1] == "CorpusNotFound means: The corpus repo does not exist."
    assert lines[2] == "Next: scriptmodel push PATH --repo plays --project default --branch master --create"
    assert "No pipelines." in lines
    assert lines[-1].split() == ["CorpusNotFound", "0s", "note"]


def test_why_is_a_value_for_programs() -> None:
    world = World()
    world.reconcile()
    jobs = [("123", "train", "1", "CREATED", "5s", "")]
    found = as_value(as_object(world), Evidence([{"reason": "X", "note": "n"}], jobs))
    assert (found["ready"], found["stalled"], found["reason"]) == ("False", True, "CorpusNotFound")
    assert found["next"].startswith("scriptmodel push PATH --repo plays")
    assert found["jobs"][0]["state"] == "CREATED"
    assert json.loads(json.dumps(found)) == found


def test_why_shows_the_message_of_an_unknown_reason_of_a_newer_operator() -> None:
    found = as_object(World())
    ready = {"type": "Ready", "status": "False", "reason": "OutOfTune", "message": "tune the piano"}
    found["status"] = {"observedGeneration": 1, "conditions": [ready]}
    lines = [click.unstyle(line) for line in why(found, Evidence(), CREATED)]
    assert lines[0] == "In progress (OutOfTune): tune the piano"
    assert lines[1] == "OutOfTune means: unknown; this scriptmodel command is older than the operator, upgrade it"


@pytest.mark.parametrize("reason", Reason)
def test_every_next_step_is_whole_and_names_the_object(reason: Reason) -> None:
    step = next_step(as_object(trained_world()), reason)
    assert "{" not in step
    assert not step or "thrones" in step or "plays" in step or "app=pachd" in step


def test_a_failed_script_does_not_suggest_a_retraining() -> None:
    for reason in (Reason.GENERATION_FAILED, Reason.WORKER_UNAVAILABLE):
        step = next_step(as_object(trained_world()), reason)
        assert "spec.generation" in step
        assert "retrain" not in step
        assert "retrain" in next_step(as_object(training_world()), reason)


def test_no_step_is_given_for_a_corpus_that_is_no_repo() -> None:
    found = as_object(World(model=scriptmodel({"corpus": {"configMap": {"name": "plays"}}})))
    del found["spec"]["corpus"]["repo"]
    assert next_step(found, Reason.CORPUS_EMPTY) == ""


def test_why_shows_pods_that_cannot_run_and_jobs() -> None:
    def pod(**status: Any) -> dict[str, Any]:
        metadata = {"namespace": "pach", "name": "worker", "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"metadata": metadata, "status": {"phase": "Pending", **status}}

    pods = [
        pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no GPU"}]),
        pod(containerStatuses=[{"name": "user", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "x"}}}]),
        pod(phase="Running", containerStatuses=[{"name": "user", "state": {"running": {}}}]),
    ]
    jobs = [("123", "train", "1", "CREATED", "5s", "")]
    told = plain(why(as_object(training_world()), Evidence(jobs=jobs, pods=pods), CREATED))
    assert "pach/worker   Pending   0s    Unschedulable: no GPU" in told
    assert "pach/worker   Pending   0s    user: ImagePullBackOff x" in told
    assert "pach/worker   Running   0s\n" in told + "\n"
    assert "123   train   1         CREATED   5s" in told


def test_an_object_without_a_status_suggests_what_to_check() -> None:
    found = {**as_object(World()), "status": {}}
    assert "check that the operator is running and watches this namespace" in why(found, Evidence(), CREATED)[1]
    assert "Pending: not reconciled yet" in click.unstyle(status_of(found, CREATED)[1])
    assert "the operator has not observed the newest spec yet" in text.line_of(found)


def test_an_outdated_status_is_marked_as_outdated() -> None:
    found = as_object(trained_world())
    found["metadata"]["generation"] = 2
    assert "has not observed the newest spec yet" in "\n".join(status_of(found, CREATED))
    assert "older spec" in why(found, Evidence(), CREATED)[0]


def test_a_push_is_refused_only_if_a_commit_is_open() -> None:
    """Files put while Pachyderm validates the previous commit become a separate commit."""
    pachyderm, branch = FakePachyderm(finishes_at_once=False), BranchRef(RepoRef("default", "plays"), "master")
    pachyderm.put(branch, PLAYS)
    assert ensure_repo(pachyderm, branch, create=False) == ()
    pachyderm.leaves_open = True
    head = pachyderm.put(branch, PLAYS)
    with pytest.raises(click.ClickException, match=f"commit {head} of default/plays@master is still open"):
        ensure_repo(pachyderm, branch, create=False)


def test_a_push_to_a_mistyped_repo_suggests_the_one_that_exists() -> None:
    pachyderm = FakePachyderm()
    pachyderm.put(BranchRef(RepoRef("default", "plays"), "master"), PLAYS)
    with pytest.raises(click.ClickException, match=r"repo default/palys does not exist \(did you mean plays\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("default", "palys"), "master"), create=False)
    with pytest.raises(click.ClickException, match=r"project 'defualt' does not exist \(did you mean default\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("defualt", "plays"), "master"), create=False)
