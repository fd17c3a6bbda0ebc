"""Records of the engine of Jobs: they keep what they are given, nobody overwrites another, and damage is named."""

import logging
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scriptmodel_operator.engine.errors import (
    AccessError,
    ConflictError,
    EngineError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from scriptmodel_operator.engine.values import JobState, PipelineRef, RepoRef
from scriptmodel_operator.jobs.config_maps import Records, Stored, config_map_of
from scriptmodel_operator.jobs.records import (
    InputRecord,
    JobRecord,
    PipelineRecord,
    RepoRecord,
    RunRecord,
    RunState,
    Version,
)
from tests.unit.operator.fake_cluster import FakeCluster
from tests.unit.operator.pipeline_specs import FULL, PLAIN

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAYS = RepoRecord(RepoRef("ml", "plays"), NOW, 'of "people"')
PIPELINE = PipelineRecord(PLAIN, 1, NOW, NOW)
VERSION = Version("f" * 64, "f" * 64, NOW, 12, "c" * 64, (("ml/plays", "1"),))


def run(number: int, **changes: Any) -> RunRecord:
    return replace(RunRecord(f"/{number:04}", f"{number:056x}"), **changes)


def job(number: int, **changes: Any) -> JobRecord:
    inputs = (InputRecord("corpus", RepoRef("ml", "plays"), "1", "a" * 64),)
    return replace(JobRecord(f"{number:032x}", 1, NOW, inputs), **changes)


def test_a_record_is_read_as_it_was_written() -> None:
    records = Records(FakeCluster())
    done = job(
        2, state=JobState.SUCCESS, started=NOW, finished=NOW, runs=(run(1, state=RunState.DONE),), output=VERSION
    )
    pipeline = PipelineRecord(FULL, 7, NOW, NOW, stopped=True, jobs=(done, job(1)), older={1: PLAIN})
    repo = PLAYS.put("master", VERSION).put("other", VERSION)
    records.put(Stored(pipeline), pipeline)
    records.put(Stored(repo), repo)
    found = records.pipeline(FULL.ref), records.repo(repo.ref)
    assert [each.record for each in found if each] == [pipeline, repo]
    listed = records.listed()
    assert (listed.pipelines[FULL.ref], listed.repos[repo.ref]) == found


def test_a_record_that_somebody_changed_meanwhile_is_not_overwritten() -> None:
    records = Records(FakeCluster())
    old = records.put(Stored(PLAYS), PLAYS)
    new = records.put(old, replace(PLAYS, description="newer"))
    with pytest.raises(ConflictError):
        records.put(old, replace(PLAYS, description="lost"))
    with pytest.raises(ConflictError):
        records.put(Stored(PLAYS), PLAYS)
    changed = records.change(old, "describing", lambda record: replace(record, description=record.description + "!"))
    assert new.record.description == "newer"
    assert changed.record.description == "newer!"


def test_a_deleted_record_is_gone_and_may_be_deleted_again() -> None:
    records = Records(FakeCluster())
    stored = records.put(Stored(PLAYS), PLAYS)
    records.delete(RepoRecord, PLAYS.ref)
    records.delete(RepoRecord, PLAYS.ref)
    assert records.repo(PLAYS.ref) is None
    with pytest.raises(NotFoundError):
        records.change(stored, "describing", lambda record: replace(record, description="new"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": 1}',
        '{"schema": 2, "ref": {"project": "ml", "name": "plays"}, "created": "2026-01-01"}',
    ],
)
def test_a_damaged_record_is_named_and_hides_no_other(text: str, caplog: pytest.LogCaptureFixture) -> None:
    cluster = FakeCluster()
    records = Records(cluster)
    records.put(Stored(PLAYS), PLAYS)
    records.put(Stored(PIPELINE), PIPELINE)
    cluster.set("configmaps", "ml", "scriptmodel-repo-plays", data={"record": text})
    with pytest.raises(RefusedError, match=r"ConfigMap ml/scriptmodel-repo-plays.*restore it"):
        records.repo(PLAYS.ref)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            listed = records.listed()
    assert not listed.repos
    assert list(listed.pipelines) == [PLAIN.ref]
    assert len(caplog.records) == 1
    assert "ConfigMap ml/scriptmodel-repo-plays" in caplog.text


def test_a_record_under_the_name_of_another_is_damaged() -> None:
    cluster = FakeCluster()
    records = Records(cluster)
    records.put(Stored(PLAYS), PLAYS)
    data = cluster.objects["configmaps", "ml", "scriptmodel-repo-plays"]["data"]
    cluster.set("configmaps", "ml", "scriptmodel-repo-poems", data=data)
    with pytest.raises(RefusedError, match="that of ml/plays"):
        records.repo(RepoRef("ml", "poems"))


def test_only_the_namespaces_that_are_named_are_listed() -> None:
    cluster = FakeCluster()
    for namespace in ("a", "b", "c"):
        record = replace(PLAYS, ref=RepoRef(namespace, "plays"))
        Records(cluster).put(Stored(record), record)
    assert sorted(ref.project for ref in Records(cluster, ("a", "c")).listed().repos) == ["a", "c"]
    assert sorted(ref.project for ref in Records(cluster).listed().repos) == ["a", "b", "c"]


def test_a_record_is_bounded_and_keeps_its_newest_job_and_what_is_to_be_stopped() -> None:
    cluster = FakeCluster()
    records = Records(cluster)
    runs = tuple(run(number, state=RunState.DONE, manifest="d" * 64) for number in range(1000))
    ended = [job(number, state=JobState.SUCCESS, finished=NOW, runs=runs, output=VERSION) for number in range(60)]
    record = PIPELINE
    for each in ended[:-2]:
        record = record.with_job(each)
    record = record.with_job(replace(ended[-2], state=JobState.KILLED, runs=(run(1, state=RunState.RUNNING), *runs)))
    record = record.with_job(ended[-1])
    found = records.put(Stored(record), record).record
    assert len(found.jobs) == 50
    assert found.jobs[0] == ended[-1]
    assert found.jobs[1].runs
    assert found.has_work
    assert not found.jobs[-1].runs
    assert len(str(cluster.objects["configmaps", "drama", config_map_of(PipelineRecord, PLAIN.ref)])) < 1 << 20


def test_of_records_that_have_not_changed_only_the_metadata_is_listed() -> None:
    cluster = FakeCluster()
    records = Records(cluster)
    for number in range(20):
        made = replace(PLAYS, ref=RepoRef("ml", f"plays-{number}"))
        Records(cluster).put(Stored(made), made)
    assert len(records.listed().repos) == 20
    cluster.calls.clear()
    found = records.listed().repos
    assert cluster.calls == ["GET configmaps"]
    for ref in (RepoRef("ml", "plays-0"), RepoRef("ml", "plays-1")):
        Records(cluster).put(found[ref], replace(found[ref].record, description="new"))
    cluster.calls.clear()
    found = records.listed().repos
    assert cluster.calls == [
        "GET configmaps",
        *(f"GET configmaps scriptmodel-repo-plays-{number}" for number in (0, 1)),
    ]
    assert [each.record.description for each in found.values()].count("new") == 2
    assert len(found) == 20


@pytest.mark.parametrize("kind", [AccessError, NotFoundError, RefusedError, UnavailableError])
def test_a_namespace_that_is_refused_keeps_no_other_from_being_listed(kind: type[EngineError]) -> None:
    records = Records(cluster := FakeCluster(), ["team-a", "ml"])
    records.put(Stored(PLAYS), PLAYS)
    answers = iter([kind("listing records in team-a", "refused", "4xx")])
    cluster.fault = lambda _call, _after: next(answers, None)
    listed = records.listed()
    assert (set(listed.repos), set(listed.unread)) == ({PLAYS.ref}, {"team-a"})
    assert not records.listed().unread


def test_nothing_is_listed_if_all_namespaces_are_refused_or_none_answers() -> None:
    refused, silent = AccessError("listing", "forbidden", "403"), UnavailableError("listing", "timed out")
    for errors in ([refused, refused], [silent]):
        records = Records(cluster := FakeCluster(), ["team-a", "ml"])
        answers = iter(errors)
        cluster.fault = lambda _call, _after, answers=answers: next(answers, None)
        with pytest.raises(type(errors[0])):
            records.listed()


def test_names_are_distinct_names_of_config_maps() -> None:
    names = ["plays", "Plays", "PLAYS", "plays-", "-plays", "pl_ays", "pl-ays", "_", "p" * 128]
    found = [config_map_of(RepoRecord, RepoRef("ml", name)) for name in names]
    assert len(set(found)) == len(names)
    assert found[0] == "scriptmodel-repo-plays"
    pattern = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
    assert all(re.fullmatch(pattern, each) and len(each) <= 253 for each in found)
    assert config_map_of(PipelineRecord, PipelineRef("ml", "plays")) == "scriptmodel-pipeline-plays"
