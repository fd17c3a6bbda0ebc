"""Reading logs and results with any content."""

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptmodel_operator.api.status import DeviceStatus
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.values import JobRef, LogLine, PipelineRef, RepoRef
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.progress import TAIL_LINES, LogDigest, read_line
from scriptmodel_operator.observe.results import Results, excerpt
from scriptmodel_operator.observe.trainer_files import SplitFigures
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.terminal import event
from tests.unit.operator.world import started_world

JOB = JobRef(PipelineRef("default", "train"), "1")
REPO = RepoRef("default", "model")


SECONDS = 60


@dataclass
class OpenLog:
    """A log that continues until it is cancelled, or fails on request."""

    lines: list[str]
    cut: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[LogLine]:
        for text in self.lines:
            yield LogLine(text)
        if self.cut:
            raise UnavailableError("reading the log", "cut")
        self.cancelled.wait(SECONDS)

    def cancel(self) -> None:
        self.cancelled.set()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        threading.Event().wait(0.01)


def read(*lines: str) -> LogDigest:
    return reduce(read_line, (LogLine(text) for text in lines), LogDigest())


WARNED, GPU = (
    event(event="warning", code="no-gpu", message="no GPU\nis found"),
    event(event="device", device="gpu", name="NVIDIA L4", memory_bytes=24 * 2**30, precision="float32"),
)
UNWRITABLE = event(event="warning", code="state-unwritable", message="read-only")
EPOCHS = [
    event(event="epoch", epoch=n, train_perplexity=9, valid_perplexity=v) for n, v in ((1, 80), (2, 60.5), (3, 70))
]
ERROR = {"event": "error", "code": "x"}
COLOURED = "\x1b[31mRuntimeError\x1b[0m: no\x07 \x1b]memory\r\n"
HALF = event(event="progress", epoch=2, epochs=2, fraction=0.5, perplexity=10)


@pytest.mark.parametrize(
    ("lines", "found", "expected"),
    [
        ([event(event="start", epochs=4), EPOCHS[0]], "progress.percent", 25),
        ([event(event="start", epochs=4), *EPOCHS], "progress.best_perplexity", 60.5),
        ([event(event="start", epochs=4), *EPOCHS], "progress.valid_perplexity", 70),
        ([*EPOCHS, event(event="start", epochs=4, resumed_from=3)], "progress.best_perplexity", 60.5),
        ([*EPOCHS, event(event="start", epochs=4)], "progress.best_perplexity", None),
        ([event(event="epoch", epoch=1, sample="[ JON ]:\x1b[1m\nno ")], "progress.sample", "[ JON ]: no"),
        ([event(event="epoch", epoch=1, sample=9999 * "x")], "progress.sample", 200 * "x"),
        ([HALF, event(**ERROR, message="NaN"), event(event="start", epochs=2)], "failure.error", ""),
        ([HALF, event(event="start", epochs=2)], "progress.epoch", 0),
        ([WARNED, UNWRITABLE, WARNED], "warnings", (("state-unwritable", "read-only"), ("no-gpu", "no GPU is found"))),
        ([WARNED, UNWRITABLE, GPU], "warnings", (("state-unwritable", "read-only"),)),
        ([event(event="warning", code=["x"], message=3)], "warnings", ()),
        ([GPU], "device", DeviceStatus(kind="gpu", name="NVIDIA L4", memory="24Gi", precision="float32")),
        ([event(event="device", device=7, name=None, memory_bytes="much")], "device", DeviceStatus()),
        ([event(**ERROR, message="no words", hint="add some")], "failure.error", "no words (add some)"),
        ([event(**ERROR, message="\x1b[1mno\ud800 words\x1b[0m", hint=None)], "failure.error", "no words"),
        ([*map(str, range(100)), event(event="done")], "failure.tail", (*map(str, range(100 - TAIL_LINES, 100)),)),
        ([COLOURED, COLOURED], "failure.tail", ("RuntimeError: no memory",)),
        ([" 10% |#   |\r100% |####|"], "failure.tail", ("100% |####|",)),
    ],
)
def test_a_log_is_read_up_to_its_newest_attempt(lines: list[str], found: str, expected: object) -> None:
    digest: object = read(*lines)
    for name in found.split("."):
        digest = getattr(digest, name)
    assert digest == expected


def test_of_many_warnings_the_newest_are_kept() -> None:
    assert len(read(*(event(event="warning", code=str(n), message="x") for n in range(50))).warnings) == 8


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


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, 1e300, 10**400, "much", None])
def test_figures_of_a_log_that_make_no_sense_are_not_in_the_status(value: object) -> None:
    world = started_world()
    figures = dict.fromkeys(("epoch", "epochs", "fraction", "perplexity", "words_per_second", "eta_seconds"), value)
    world.train_with([event(event="start", epochs=value), event(event="progress", **figures)])
    found = world.model.status["training"]
    assert 0 <= found.get("progressPercent", 0) <= 100
    assert all(abs(each) < 2**63 for each in found.values() if isinstance(each, int))
    assert not {"nan", "inf"} & set(found.get("perplexity", {}).values())


def test_a_running_job_is_followed_in_the_background_and_its_log_survives_its_pods() -> None:
    pachyderm = FakePachyderm()
    log = OpenLog([event(event="start", epochs=4), event(event="progress", epoch=1, epochs=4, fraction=0.5), "boom"])
    pachyderm.log_source = lambda _job, follow: log if follow else OpenLog([], cut=True)
    follower = LogFollower(pachyderm)
    eventually(lambda: follower.follow(JOB).lines == 3)
    assert follower.follow(JOB).progress.percent == 12
    assert follower.ended(JOB).failure.tail == ("boom",)
    assert log.cancelled.is_set()


def test_a_shorter_log_changes_nothing_and_that_of_the_next_pod_replaces_it() -> None:
    """Pachyderm reads logs from pods, so that of a lost one is gone with it, however long it was."""
    first, second = (event(event="start", epochs=9, time=time, resumed_from=time) for time in (1, 2))
    epochs = [event(event="epoch", epoch=n, valid_perplexity=90 + n) for n in range(1, 6)]
    pods = [[first, *epochs], [first, epochs[0]], [], [second, epochs[3]]]
    streams = iter([*(OpenLog(lines, cut=True) for lines in pods), OpenLog([event(event="start", epochs=9, time=3)])])
    seen, opened = list[tuple[int, float | None]](), threading.Event()

    def source(_job: JobRef, _follow: bool) -> OpenLog:
        if known := follower.followed(JOB):
            seen.append((known.progress.epoch, known.progress.best_perplexity))
        stream = next(streams)
        if not stream.cut:
            opened.set()
        return stream

    pachyderm = FakePachyderm()
    pachyderm.log_source = source
    follower = LogFollower(pachyderm)
    follower.follow(JOB)
    assert opened.wait(60)
    assert seen == [(5, 91), (5, 91), (5, 91), (4, 91)], "the best is that of the training, not of the pod"
    eventually(lambda: follower.follow(JOB).progress.best_perplexity is None)
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
    eventually(lambda: follower.follow(JOB).lines == 1)
    follower.close()


def test_a_limited_number_of_logs_is_followed_and_others_are_read_once() -> None:
    pachyderm, opened = FakePachyderm(), Counter[bool]()

    def open_log(_job: JobRef, follow: bool) -> OpenLog:
        opened[follow] += 1
        return OpenLog(["x"]) if follow else OpenLog(["x", "y"], cut=True)

    pachyderm.log_source = open_log
    follower = LogFollower(pachyderm, limit=1)
    follower.follow(JOB)
    other = JobRef(JOB.pipeline, "2")
    assert [follower.follow(other).failure.tail for _ in range(3)] == 3 * [("x", "y")]
    eventually(lambda: opened == Counter([True, False]))
    follower.keep_only(lambda job: job == other)
    follower.follow(other)
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
