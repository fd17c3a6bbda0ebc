"""Reading logs and results with any content."""

import json
import math
from collections import Counter
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_operator.api.status import DeviceStatus, TrainingStatus, to_wire
from scriptmodel_operator.engine.values import CommitInfo, JobRef, LogLine, PipelineRef, RepoRef
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.progress import TAIL_LINES, LogDigest, read_line
from scriptmodel_operator.observe.results import Results, excerpt
from scriptmodel_operator.observe.trainer_files import SplitFigures
from scriptmodel_operator.reconcile.details import _from_log
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.open_logs import OpenLog, eventually

JOB = JobRef(PipelineRef("default", "train"), "1")
REPO = RepoRef("default", "model")


def read(*lines: str) -> LogDigest:
    return reduce(read_line, (LogLine(text) for text in lines), LogDigest())


def event(**fields: object) -> str:
    return json.dumps(fields)


def test_the_end_of_an_epoch_has_the_validation_perplexity() -> None:
    digest = read(
        event(event="start", epochs=2),
        event(event="progress", epoch=1, epochs=2, fraction=0.9, perplexity=300, words_per_second=10, eta_seconds=5),
        event(event="epoch", epoch=1, train_perplexity=290.5, valid_perplexity=310.25, best=310.25),
    )
    assert (digest.progress.epoch, digest.progress.percent, digest.progress.valid_perplexity) == (1, 50, 310.25)


def test_the_best_perplexity_is_the_lowest_of_validation_and_survives_a_resume() -> None:
    epochs = [
        event(event="epoch", epoch=n, train_perplexity=9, valid_perplexity=v) for n, v in ((1, 80), (2, 60.5), (3, 70))
    ]
    digest = read(event(event="start", epochs=4), *epochs)
    assert (digest.progress.best_perplexity, digest.progress.valid_perplexity) == (60.5, 70)
    resumed = read_line(digest, LogLine(event(event="start", epochs=4, resumed_from=3)))
    assert resumed.progress.best_perplexity == 60.5
    assert read_line(digest, LogLine(event(event="start", epochs=4))).progress.best_perplexity is None


def test_the_newest_warning_of_each_code_is_kept_and_a_gpu_ends_its_own() -> None:
    missing = event(event="warning", code="no-gpu", message="no GPU\nis found")
    other = event(event="warning", code="state-unwritable", message="read-only")
    digest = read(missing, other, event(event="start", epochs=1), missing)
    assert digest.warnings == (("state-unwritable", "read-only"), ("no-gpu", "no GPU is found"))
    gpu = event(event="device", device="gpu", name="NVIDIA L4", memory_bytes=24 * 2**30, precision="float32")
    digest = read(missing, other, gpu)
    assert digest.warnings == (("state-unwritable", "read-only"),)
    assert digest.device == DeviceStatus(kind="gpu", name="NVIDIA L4", memory="24Gi", precision="float32")
    assert len(read(*(event(event="warning", code=str(n), message="x") for n in range(50))).warnings) == 8
    assert read(event(event="warning", code=["x"], message=3)).warnings == ()
    assert read(event(event="device", device=7, name=None, memory_bytes="much")).device == DeviceStatus()


def test_a_bucket_that_answers_again_ends_the_warning_that_it_is_away() -> None:
    away = event(event="warning", code="bucket-away", message="the log: HTTP 507")
    assert read(away).warnings == (("bucket-away", "the log: HTTP 507"),)
    assert read(away, event(event="warning", code="bucket-back", message="after 9 s")).warnings == ()


def test_an_epochs_sample_is_one_bounded_line() -> None:
    assert read(event(event="epoch", epoch=1, sample="[ JON ]:\x1b[1m\nno " + 999 * "x")).progress.sample.startswith(
        "[ JON ]: no x"
    )
    assert len(read(event(event="epoch", epoch=1, sample=9999 * "x")).progress.sample) == 200
    assert read(event(event="epoch", epoch=1, sample=["x"])).progress.sample == ""


def test_another_attempt_starts_from_the_beginning() -> None:
    digest = read(
        event(event="start", epochs=2),
        event(event="progress", epoch=2, epochs=2, fraction=0.5, perplexity=10),
        event(event="error", code="diverged", message="NaN", hint="lower the learning rate"),
        event(event="start", epochs=2),
    )
    assert digest == LogDigest(lines=4, first=digest.first, starts=digest.starts).at(epochs=2)


def test_an_error_event_is_the_trainers_own_words() -> None:
    assert (
        read(event(event="error", code="x", message="no words", hint="add some")).failure.error == "no words (add some)"
    )
    assert read(event(event="error", code="x", message="no words", hint=None)).failure.error == "no words"


def test_the_tail_keeps_the_last_lines_that_are_not_events() -> None:
    digest = read(*(f"line {number}" for number in range(100)), event(event="done", seconds=1), "")
    assert digest.failure.tail == tuple(f"line {number}" for number in range(100 - TAIL_LINES, 100))


def test_control_sequences_are_dropped_and_equal_errors_are_reported_once() -> None:
    line = "\x1b[31mRuntimeError\x1b[0m: no\x07 \x1b]memory\r\n"
    assert read(line, line).failure.tail == ("RuntimeError: no memory",)
    assert read(" 10% |#   |\r100% |####|").failure.tail == ("100% |####|",)
    assert read(event(event="error", code="x", message="\x1b[1mno\ud800 words\x1b[0m")).failure.error == "no words"


@given(
    st.lists(
        st.one_of(
            st.text(max_size=50),
            st.dictionaries(
                st.sampled_from(["event", "epoch", "epochs", "fraction", "perplexity", "message", "eta_seconds"]),
                st.one_of(
                    st.none(),
                    st.booleans(),
                    st.floats(),
                    st.floats(1e10, 1e13),
                    st.integers(),
                    st.just(10**400),
                    st.sampled_from(["start", "progress", "epoch", "error", "done"]),
                    st.lists(st.integers(), max_size=2),
                ),
            ).map(json.dumps),
        ),
        max_size=20,
    )
)
def test_no_line_can_upset_the_reader(lines: list[str]) -> None:
    digest = read(*lines)
    assert digest.lines == len(lines)
    assert digest.progress.percent is None or 0 <= digest.progress.percent <= 100
    reported = _from_log(digest.progress, running=True)
    check_fields(to_wire(TrainingStatus.model_validate(reported)))


def check_fields(reported: dict[str, Any]) -> None:
    """Types follow the schema: the API server must accept the status for any log."""
    assert 0 <= reported.get("progressPercent", 0) <= 100
    assert all(abs(value) < 2**63 for value in reported.values() if isinstance(value, int))
    assert not {"nan", "inf"} & set(reported.get("perplexity", {}).values())


def test_a_line_of_json_that_has_no_bottom_is_a_line() -> None:
    deep = '{"event":' + "[" * 100_000
    assert read(deep).failure.tail == (deep[:400],)


def test_a_running_job_is_followed_in_the_background_and_its_log_survives_its_pods() -> None:
    pachyderm = FakePachyderm()
    log = OpenLog([event(event="start", epochs=4), event(event="progress", epoch=1, epochs=4, fraction=0.5), "boom"])
    pachyderm.log_source = lambda _job, follow: log if follow else OpenLog([], cut=True)
    follower = LogFollower(pachyderm)
    eventually(lambda: follower.running(JOB).lines == 3)
    assert follower.running(JOB).progress.percent == 12
    assert follower.ended(JOB).failure.tail == ("boom",)
    assert log.cancelled.is_set()


def test_an_interrupted_stream_is_reopened_and_keeps_what_was_read() -> None:
    pachyderm = FakePachyderm()
    streams = iter([OpenLog(["one", "two"], cut=True), OpenLog(["one"], cut=True), OpenLog(["one", "two", "three"])])
    pachyderm.log_source = lambda _job, _follow: next(streams)
    follower = LogFollower(pachyderm)
    eventually(lambda: follower.running(JOB).lines == 2)
    eventually(lambda: follower.running(JOB).lines == 3)
    follower.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_log_whose_reader_fails_unexpectedly_is_followed_again() -> None:
    def source(_job: JobRef, _follow: bool) -> OpenLog:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("a defect")
        return log

    pachyderm, tries, log = FakePachyderm(), list[int](), OpenLog(["one"])
    pachyderm.log_source = source
    follower = LogFollower(pachyderm)
    eventually(lambda: follower.running(JOB).lines == 1)
    follower.close()


def test_hundreds_of_logs_are_each_read_once_however_often_their_jobs_are_reconciled() -> None:
    pachyderm, opened = FakePachyderm(), Counter[JobRef]()

    def open_log(job: JobRef, _follow: bool) -> OpenLog:
        opened[job] += 1
        return OpenLog(["x", "y"])

    pachyderm.log_source = open_log
    follower = LogFollower(pachyderm)
    jobs = [JobRef(JOB.pipeline, str(number)) for number in range(300)]
    eventually(lambda: all(follower.running(job).lines == 2 for job in jobs))
    follower.close()
    assert opened == Counter(jobs)


def test_a_limited_number_of_logs_is_followed_and_others_are_read_once() -> None:
    pachyderm, opened = FakePachyderm(), Counter[bool]()

    def open_log(_job: JobRef, follow: bool) -> OpenLog:
        opened[follow] += 1
        return OpenLog(["x"]) if follow else OpenLog(["x", "y"], cut=True)

    pachyderm.log_source = open_log
    follower = LogFollower(pachyderm, limit=1)
    follower.running(JOB)
    other = JobRef(JOB.pipeline, "2")
    assert [follower.running(other).failure.tail for _ in range(3)] == 3 * [("x", "y")]
    eventually(lambda: opened == Counter([True, False]))
    follower.keep_only(lambda job: job == other)
    follower.running(other)
    eventually(lambda: opened[True] == 2)
    follower.close()


def test_results_are_read_once_and_broken_ones_are_ignored() -> None:
    pachyderm = FakePachyderm()
    results = Results(pachyderm, lambda: 1)
    odd = json.dumps({"perplexity": {"test": math.inf, "valid": 1e300, "train": 9}, "epochs": []})
    pachyderm.files[REPO, "odd"] = {"/metrics.json": odd.encode()}
    metrics = results.metrics(REPO, "odd")
    assert metrics is not None
    assert metrics.perplexity == SplitFigures(train=9)
    assert metrics.best is None
    pachyderm.files[REPO, "bad"] = {"/metrics.json": b"{not json", "/new_script.txt": b"", "/generation.json": b"[]"}
    assert results.metrics(REPO, "bad") is None
    assert results.metrics(REPO, "missing") is None
    script = results.script(REPO, "bad")
    assert script is not None
    assert (script.status.size_bytes, script.status.excerpt, script.status.words) == (0, "", None)
    pachyderm.files[REPO, "bad"] = {}
    assert results.script(REPO, "bad") == script, "a commit never changes"


def test_results_of_many_objects_are_read_once_and_dropped_with_their_objects() -> None:
    pachyderm, reads, objects = FakePachyderm(), list[str](), 300
    pachyderm.fault = reads.append  # type: ignore[assignment]  # no fault
    results = Results(pachyderm, lambda: objects)

    def read(commits: range) -> int:
        reads.clear()
        for commit in map(str, commits):
            results.metrics(REPO, commit)
            results.script(REPO, commit)
            results.digests(REPO, commit)
            results.provenance(REPO, commit)
        return len(reads)

    for commit in range(3000):
        pachyderm.files[REPO, str(commit)] = {"/metrics.json": b"{}", "/new_script.txt": b"x"}
        pachyderm.commits[REPO, str(commit)] = CommitInfo(REPO, "master", str(commit), finished=True)
    assert read(range(300)) > 0
    for retrained in range(300, 3000, 100):
        read(range(retrained, retrained + 100))
        assert read(range(300)) == 0, "those in use stay"
    objects = 2
    read(range(1))
    read(range(1000, 1001))
    assert read(range(1)) == 0
    assert read(range(100, 300)) > 0, "those of objects that are gone"


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (
            {"form": "good", "form_score": 0.71234, "sense": "fair", "sense_score": 0.3, "turns": 0.9},
            {"form": "good", "form_score": "0.71", "sense": "fair", "sense_score": "0.30", "turns": "0.90"},
        ),
        ({"form": "a loop", "form_score": -1, "sense": "noise", "turns": "high"}, {"form": "a loop"}),
        ({"form": "<b>", "form_score": 0.7}, None),
        ({"form": ["good"]}, None),
        ("good", None),
        (None, None),
    ],
)
def test_the_score_of_a_script_is_in_the_status_as_far_as_it_makes_sense(
    score: object, expected: dict[str, str] | None
) -> None:
    pachyderm = FakePachyderm()
    record = json.dumps({"samples": [{"words": 3, "score": score}]}).encode()
    pachyderm.files[REPO, "a"] = {"/new_script.txt": b"One two three.\n", "/generation.json": record}
    script = Results(pachyderm, lambda: 1).script(REPO, "a")
    assert script is not None
    assert script.status.words == 3
    found = script.status.score
    assert (found.model_dump(exclude_none=True) if found else None) == expected


@pytest.mark.parametrize(
    ("sampling", "expected"), [({"temperature": 1.0}, "1"), ({"temperature": "hot"}, None), (0.9, None), (None, None)]
)
def test_the_temperature_of_a_script_is_in_the_status(sampling: object, expected: str | None) -> None:
    pachyderm = FakePachyderm()
    record = json.dumps({"samples": [{"words": 3}], "sampling": sampling}).encode()
    pachyderm.files[REPO, "a"] = {"/new_script.txt": b"One two three.\n", "/generation.json": record}
    script = Results(pachyderm, lambda: 1).script(REPO, "a")
    assert script is not None
    assert (script.status.words, script.status.temperature) == (3, expected)


@pytest.mark.parametrize(
    "content",
    [
        b'{"perplexity": {"valid": 9}, "epochs": 5}',
        b'{"perplexity": {"valid": 9}, "epochs": [1]}',
        b'{"perplexity": 9}',
        b'{"perplexity": {"valid": 9}, "epochs": ' + b"[" * 100_000,
        b'{"perplexity": {"valid": ' + b"9" * 100_000 + b"}}, 1}",
        b'{"perplexity": {"valid": 9}, "epochs": [' + 10_000 * b"{}," + b"{}]}",
        b'"\xff"',
        b"[]",
        b"",
    ],
    ids=lambda content: content[:40].decode(errors="replace"),
)
def test_a_metrics_file_of_another_form_is_ignored_without_a_traceback(content: bytes) -> None:
    pachyderm = FakePachyderm()
    pachyderm.files[REPO, "odd"] = {"/metrics.json": content, "/new_script.txt": b"x", "/generation.json": content}
    results = Results(pachyderm, lambda: 1)
    assert results.metrics(REPO, "odd") is None
    script = results.script(REPO, "odd")
    assert script is not None
    assert script.status.words is None


def test_the_best_epoch_is_the_best_though_a_later_one_was_worse() -> None:
    pachyderm = FakePachyderm()
    epochs = [{"valid_perplexity": figure} for figure in (80, 50.7, 49.8, 50.2)]
    pachyderm.files[REPO, "a"] = {"/metrics.json": json.dumps({"perplexity": {"test": 47}, "epochs": epochs}).encode()}
    metrics = Results(pachyderm, lambda: 1).metrics(REPO, "a")
    assert metrics is not None
    assert (metrics.best, metrics.perplexity.test, len(metrics.epochs)) == (49.8, 47, 4)


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], include_characters="\t\n"), max_size=3000))
def test_an_excerpt_is_the_start_in_whole_characters_and_at_most_one_kibibyte(text: str) -> None:
    found = excerpt(text.encode())
    assert len(found.encode()) <= 1024
    assert text.startswith(found)


HOSTILE = "\x1b[2JJON\x9b:\x1b]52;c;cm0gLXJm\x07\n\tno\x1b]0;owned\x1b\\ \u202ewords\x7f\n"


@pytest.mark.parametrize("length", [1, 100], ids=["short", "longer than an excerpt"])
def test_neither_an_excerpt_nor_a_sample_of_another_image_controls_a_terminal(length: int) -> None:
    found = excerpt(HOSTILE.replace("\n", "\r\n").encode() * length)
    assert found.startswith("JON:\n\tno words\n")
    assert set(found) == set("JON:\n\tno words")
    assert read(event(event="epoch", epoch=1, sample=HOSTILE)).progress.sample == "JON: no words"
