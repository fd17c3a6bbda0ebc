"""The output of `scriptmodel list`, `status`, `why` and `logs`, and what `push` checks before it sends anything."""

import json
import re
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_cli import session, text
from scriptmodel_cli.corpus import find_corpus, in_pachyderm
from scriptmodel_cli.diagnosis import diagnosis as why
from scriptmodel_cli.diagnosis import next_step, pods_path
from scriptmodel_cli.live import Live
from scriptmodel_cli.logs import Training, describe_line, in_words, lines_of, reported_job, training
from scriptmodel_cli.output import style
from scriptmodel_cli.pushing import ensure_repo
from scriptmodel_cli.screen import line_of, screen_of
from scriptmodel_operator.api.identity import ENGINE
from scriptmodel_operator.api.marks import Mark, Owner, naming
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.values import BranchRef, JobInfo, JobRef, JobState, LogLine, PipelineRef, RepoRef
from tests.unit.operator.fake_pachyderm import FakeLog, FakePachyderm
from tests.unit.operator.terminal import CREATED, as_object, event, plain, training_world
from tests.unit.operator.world import PLAYS, World, started_world, trained_world


def table(found: dict[str, Any], *cells: str | None) -> dict[str, Any]:
    """Return a table as the API server makes one of an object."""
    columns = [("Name", 0), ("Status", 0), ("Message", 1)]
    return {
        "columnDefinitions": [{"name": name, "priority": priority} for name, priority in columns],
        "rows": [{"cells": [found["metadata"]["name"], *cells], "object": found}],
    }


def test_a_list_is_the_table_of_the_api_server_with_colours_and_namespaces() -> None:
    listed = table(as_object(trained_world()), "Generated", "the script\nis written")
    assert plain(text.list_of(listed, namespaces=True)).split() == [
        "NAMESPACE",
        "NAME",
        "STATUS",
        "ml",
        "thrones",
        "Generated",
    ]
    assert style("Generated", fg="green") in text.list_of(listed, namespaces=False)[1]


def test_a_status_shows_training_lineage_and_script() -> None:
    world = trained_world()
    found = as_object(world)
    found["status"]["lineage"]["base"] = "en"
    reported = plain(screen_of(found, CREATED))
    assert "base         en\n" in reported
    assert "100%  epoch 1/1  5,000 words/s" in reported
    assert "best 170.0, test 160.0, validation 170.0, training 150.0" in reported
    assert world.model.status["lineage"]["corpus"].partition("@")[2][:8] in reported
    assert "[ JON ]: You know nothing ." in reported


def test_a_status_of_a_training_shows_progress_and_time_to_go() -> None:
    world = training_world()
    reported = plain(screen_of(as_object(world), CREATED))
    assert f"{'█' * 12}{'░' * 8} 62%  epoch 3/4  12,345 words/s  1m40s to go" in reported
    assert "time         0s so far" in reported
    assert max(map(len, reported.splitlines())) <= 80, "a terminal of the usual width cuts nothing"


def test_an_outdated_status_is_marked_as_outdated() -> None:
    found = as_object(trained_world())
    found["metadata"]["generation"] = 2
    assert "has not observed the newest spec yet" in "\n".join(screen_of(found, CREATED))
    assert "older spec" in why(found, CREATED)[0]


def valid_of(world: World) -> list[float]:
    """Return the validation perplexity by epoch."""
    return [each.valid for each in training(world.pachyderm, as_object(world)).curve.epochs if isfinite(each.valid)]


def test_the_curve_is_read_from_the_log_of_the_running_job_and_then_from_its_model() -> None:
    world = training_world()
    assert valid_of(world) == [400.5, 200.25]
    job = world.pachyderm.succeed(world.train)
    world.pachyderm.files[job.ref.pipeline.output, job.ref.id]["/metrics.json"] = json.dumps(
        {
            "perplexity": {},
            "epochs": [{"valid_perplexity": 400}, {"valid_perplexity": None}, {"valid_perplexity": 90.5}],
        }
    ).encode()
    assert valid_of(world) == [400.0, 90.5]
    assert training(FakePachyderm(), as_object(world)) == Training()


@pytest.mark.parametrize("terminal", [False, True])
def test_a_live_view_is_a_line_for_each_change_or_one_that_is_drawn_anew(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "16")
    live = Live()
    live.redraws = terminal
    with click.Context(click.Command("x"), color=True).scope():
        for line in ("a", "a", "long and longer"):
            live.show(line, CREATED)
        live.end()
    clear, at = "\r\x1b[K", f"{CREATED.astimezone():%H:%M:%S}"
    drawn = f"{clear}{at}  a{clear}{at}  long \n"
    assert capsys.readouterr().out == (drawn if terminal else f"{at}  a\n{at}  long and longer\n")


def test_why_gives_the_verdict_and_the_next_step_first() -> None:
    lines = why(as_object(trained_world()), CREATED)
    assert click.unstyle(lines[0]).startswith("Ready: the script is written")
    assert lines[1] == "Next: scriptmodel script thrones -n ml"
    world = World()
    world.reconcile()
    event = {"eventTime": "2026-01-01T00:00:00Z", "reason": "CorpusNotFound", "note": "note", "type": "Warning"}
    lines = [click.unstyle(line) for line in why(as_object(world), CREATED, events=[event])]
    assert lines[0].startswith("Stalled (CorpusNotFound): corpus repo default/plays does not exist")
    assert lines[1] == "CorpusNotFound means: The corpus repo does not exist."
    assert lines[2] == "Next: scriptmodel push PATH --repo plays --project default --branch master --create -n ml"
    assert "Nothing was made for it yet." in lines
    assert lines[-1].split() == ["CorpusNotFound", "0s", "note"]


def test_why_shows_the_message_of_an_unknown_reason_of_a_newer_operator() -> None:
    found = as_object(World())
    ready = {"type": "Ready", "status": "False", "reason": "OutOfTune", "message": "tune the piano"}
    found["status"] = {"observedGeneration": 1, "conditions": [ready]}
    lines = [click.unstyle(line) for line in why(found, CREATED)]
    assert lines[0] == "In progress (OutOfTune): tune the piano"
    assert lines[1] == "OutOfTune means: unknown; this scriptmodel command is older than the operator, upgrade it"


def made_on(engine: str) -> dict[str, Any]:
    found = as_object(trained_world())
    found["metadata"]["annotations"] = {ENGINE: engine}
    return found


def test_the_pods_of_jobs_are_listed_in_the_namespace_of_the_object() -> None:
    assert pods_path(made_on("pachyderm/1")).startswith("/api/v1/pods?labelSelector=suite%3Dpachyderm%2CpipelineName")
    names = [each["name"] for each in made_on("jobs/1")["status"]["pipelines"]]
    these = f"scriptmodel.dev%2Fpipeline%20in%20%28{'%2C'.join(names)}%29"
    assert pods_path(made_on("jobs/1")) == f"/api/v1/namespaces/ml/pods?labelSelector={these}"
    assert pods_path(as_object(World())) == ""
    assert "--project ml " in next_step(made_on("jobs/1"), Reason.CORPUS_EMPTY)


@pytest.mark.parametrize("reason", Reason)
def test_every_next_step_is_whole_and_names_the_object(reason: Reason) -> None:
    step = next_step(as_object(trained_world()), reason)
    assert "{" not in step
    for engine in ("localpach/1", "jobs/1"):
        assert "pachd" not in next_step(made_on(engine), reason)
    assert not step or "thrones" in step or "plays" in step


def test_why_shows_pods_that_cannot_run() -> None:
    def pod(**status: Any) -> dict[str, Any]:
        metadata = {"namespace": "pach", "name": "worker", "creationTimestamp": "2026-01-01T00:00:00Z"}
        return {"metadata": metadata, "status": {"phase": "Pending", **status}}

    pods = [
        pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no GPU"}]),
        pod(containerStatuses=[{"name": "user", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "x"}}}]),
        pod(phase="Running", containerStatuses=[{"name": "user", "state": {"running": {}}}]),
    ]
    reported = plain(why(as_object(training_world()), CREATED, pods=pods))
    assert "pach/worker   Pending   0s    Unschedulable: no GPU" in reported
    assert "pach/worker   Pending   0s    user: ImagePullBackOff x" in reported
    assert "pach/worker   Running   0s\n" in reported + "\n"


def test_an_object_without_a_status_suggests_what_to_check() -> None:
    found = {**as_object(World()), "status": {}}
    assert "check that the operator is running and watches this namespace" in why(found, CREATED)[1]
    assert "Pending: not reconciled yet" in click.unstyle(screen_of(found, CREATED)[1])
    assert "the operator has not observed the newest spec yet" in line_of(found)


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
    commit = world.pachyderm.put(world.corpus, PLAYS)
    assert running is not None
    assert reported_job(world.pachyderm, world.train) == running
    world.pachyderm.succeed(world.train)
    newest = reported_job(world.pachyderm, world.train)
    assert newest is not None
    assert newest.state is JobState.CREATED
    world.pachyderm.drop(commit)
    before = reported_job(world.pachyderm, world.train)
    assert before is not None
    assert before.ref == running.ref, "of a commit that still exists"
    assert reported_job(FakePachyderm(), world.train) is None


def test_a_log_ends_with_how_the_process_did_where_only_the_worker_knows() -> None:
    world = started_world()
    job = world.pachyderm.fail(world.train, ["a warning"], verdict="signal: killed")
    for follow in (True, False):
        said = shown(world.pachyderm, job, follow=follow)
        assert said == ["a warning", "the process ended with `signal: killed`"]


def test_a_push_is_refused_only_if_a_commit_is_open() -> None:
    """Files put while Pachyderm validates the previous commit become a separate commit."""
    pachyderm, branch = FakePachyderm(finishes_at_once=False), BranchRef(RepoRef("default", "plays"), "master")
    pachyderm.put(branch, PLAYS)
    assert ensure_repo(pachyderm, branch, create_for="") == ()
    pachyderm.leaves_open = True
    head = pachyderm.put(branch, PLAYS)
    with pytest.raises(click.ClickException, match=f"commit {head} of default/plays@master is still open"):
        ensure_repo(pachyderm, branch, create_for="")


def test_a_push_to_a_mistyped_repo_suggests_the_one_that_exists() -> None:
    pachyderm = FakePachyderm()
    pachyderm.put(BranchRef(RepoRef("default", "plays"), "master"), PLAYS)
    with pytest.raises(click.ClickException, match=r"repo default/palys does not exist \(did you mean plays\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("default", "palys"), "master"), create_for="")
    with pytest.raises(click.ClickException, match=r"project 'defualt' does not exist \(did you mean default\?\)"):
        ensure_repo(pachyderm, BranchRef(RepoRef("defualt", "plays"), "master"), create_for="")


@pytest.mark.parametrize("before", ["", "38 plays", naming("team-b")])
def test_a_push_that_creates_shares_the_repo_and_keeps_its_description(before: str) -> None:
    pachyderm, repo = FakePachyderm(), RepoRef("drama", "plays")
    branch = BranchRef(repo, "master")
    if before:
        pachyderm.projects.add("drama")
        pachyderm.create_repo(repo, before)
    for _ in range(2):
        ensure_repo(pachyderm, branch, create_for="team-a")
    assert pachyderm.repos[repo].description == f"{before} {naming('team-a')}".lstrip()
    assert len(pachyderm.calls) == 2, "the second push changes nothing"
    ensure_repo(pachyderm, branch, create_for="")
    assert len(pachyderm.calls) == 2


def test_a_repo_that_a_scriptmodel_fills_is_neither_pushed_to_nor_shared() -> None:
    pachyderm, repo = FakePachyderm(), RepoRef("default", "plays")
    pachyderm.create_repo(repo, Mark(Owner("cluster-1", "ml", "thrones", "1")).to_json())
    with pytest.raises(click.ClickException, match="belongs to ScriptModel ml/thrones"):
        ensure_repo(pachyderm, BranchRef(repo, "master"), create_for="ml")
    assert len(pachyderm.calls) == 1


def test_links_to_folders_and_out_of_the_folder_are_noted_and_others_followed(tmp_path: Path) -> None:
    plays, elsewhere = tmp_path / "plays", tmp_path / "elsewhere"
    for folder in (plays / "acts", elsewhere):
        folder.mkdir(parents=True)
        (folder / "hamlet.txt").write_text("HAMLET: Words.")
    (plays / "more").symlink_to(elsewhere)
    (plays / "round").symlink_to(plays)
    (plays / "macbeth.txt").symlink_to(Path("acts", "hamlet.txt"))
    (plays / "secret.txt").symlink_to(elsewhere / "hamlet.txt")
    (plays / "lost.txt").symlink_to("found.txt")
    (plays / "self.txt").symlink_to("self.txt")
    notes = list[str]()
    assert [file.path for file in find_corpus([plays], notes.append)] == ["/acts/hamlet.txt", "/macbeth.txt"]
    assert notes == [
        f"skipped {plays / 'more'}: it is a link to a folder",
        f"skipped {plays / 'round'}: it is a link to a folder",
        f"skipped {plays / 'lost.txt'}: it is not a regular file",
        f"skipped {plays / 'secret.txt'}: it is a link out of {plays}",
        f"skipped {plays / 'self.txt'}: it is not a regular file",
    ]
    assert [file.path for file in find_corpus([plays / "more"], notes.append)] == ["/hamlet.txt"], "as it was named"
    (named,) = find_corpus([plays / "secret.txt"], notes.append)
    assert named.path == "/secret.txt"


def test_a_base_in_the_folder_is_read_with_its_weights_and_no_other_binary_file_is(tmp_path: Path) -> None:
    for name in ("bases/en/weights-1.safetensors", "bases/en/cover.png", "written/model/weights-2.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\0")
    notes = list[str]()
    assert [file.path for file in find_corpus([tmp_path], notes.append)] == ["/bases/en/weights-1.safetensors"]
    others = ("bases/en/cover.png", "written/model/weights-2.safetensors")
    assert notes == [f"skipped {tmp_path / name}: it is binary, not text" for name in others]


@given(st.binary(min_size=1))
def test_every_name_becomes_one_that_pachyderm_allows(raw: bytes) -> None:
    name = raw.replace(b"/", b"-").decode("utf-8", "surrogateescape")  # as Python gives names of files
    assert re.fullmatch(r"/[ -~]+", in_pachyderm(name))
    assert not re.search(r"[*?\[\]{}!()@+^\\]", in_pachyderm(name))


def test_characters_that_pachyderm_does_not_allow_are_percent_encoded() -> None:
    assert in_pachyderm("\u00c9pisode (1)!.txt") == "/%C3%89pisode %281%29%21.txt"
    assert in_pachyderm("a\\b") == "/a%5Cb", "a backslash escapes the next character when a file is read"
    assert in_pachyderm(b"caf\xe9".decode("utf-8", "surrogateescape")) == "/caf%E9"
