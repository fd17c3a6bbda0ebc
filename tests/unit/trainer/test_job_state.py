"""The state of a training is in the bucket while it trains, and a later attempt continues from it."""

import os
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from bucket import Bucket, Fault, Job
from running import COMMAND, spawn_trainer

from scriptmodel_trainer.cli import main, program
from scriptmodel_trainer.job import running, states, transfers


def slot(number: int) -> str:
    """Return the file of a state: they are written by turns."""
    return f"checkpoint-{'ab'[number % 2]}.safetensors"


DEADLINE = 60
SELECT = ["select", "/pfs/trials", "--out", "/pfs/out"]


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with Bucket(tmp_path / "bucket") as bucket:
        yield bucket


class Pod:
    """An attempt whose command is played by a function; waits take no time."""

    def __init__(self, bucket: Bucket, folder: Path, attempt: int) -> None:
        folder = folder / f"pod-{attempt}"
        self.state = folder / "state"
        self.state.mkdir(parents=True)
        self.variables = {
            "PFS_ROOT": str(folder / "pfs"),
            "SCRIPTMODEL_STATE_DIR": str(self.state),
            "SCRIPTMODEL_TERMINATION_LOG": str(folder / "termination"),
        }
        self.folder = folder
        self.job = Job(bucket, folder, SELECT, attempt)
        self._storing = threading.Condition()
        self._stored: list[str] = []
        bucket.stored = self._note

    def work(self, run: Callable[[], int]) -> int:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in self.variables.items():
                patched.setenv(name, value)
            patched.setattr(program, "main", lambda *_: run())
            patched.setattr(transfers, "_FIRST_WAIT", 0.001)
            patched.setattr(transfers, "_LONGEST_WAIT", 0.01)
            patched.setattr(states, "_POLL_SECONDS", 0.001)
            return main(["job", str(self.job.write())])

    def save(self, number: int, content: bytes, folder: str = ".", log: bytes = b"") -> None:
        """Save the state as the trainer does: the log first, both whole."""
        target = self.state / folder
        target.mkdir(exist_ok=True)
        for name, data in (("train.log.jsonl", log), (slot(number), content)):
            (target / f".{name}.part").write_bytes(data)
            (target / f".{name}.part").replace(target / name)

    def saved(self, number: int, content: bytes) -> None:
        """Save the state and wait until it and the log are in the bucket."""
        with self._storing:
            self._stored.clear()
            self.save(number, content)
            assert self._storing.wait_for(lambda: self.job.key("log.jsonl") in self._stored, DEADLINE)

    def states(self) -> dict[str, bytes]:
        """Return the checkpoints in the folder, newest first."""
        found = sorted(self.state.rglob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return {str(path.relative_to(self.state)): path.read_bytes() for path in found}

    def _note(self, key: str) -> None:
        with self._storing:
            self._stored.append(key)
            self._storing.notify_all()


def test_each_state_is_stored_by_turns_with_the_log(bucket: Bucket, tmp_path: Path) -> None:
    pod = Pod(bucket, tmp_path, 1)

    def run() -> int:
        for number in (1, 2, 3):
            print(f"saved {number}", flush=True)
            pod.saved(number, b"%d" % number)
        return 0

    assert pod.work(run) == 0
    kinds = [key.split("/")[-1] for key in bucket.puts()]
    sides = ["checkpoint-b", "checkpoint-a", "checkpoint-b"]
    assert kinds == [name for side in sides for name in (side, "log.jsonl")] + ["log.jsonl", "manifest.json"]


def earlier(bucket: Bucket, tmp_path: Path, attempt: int = 1, states: Sequence[bytes] = (b"old", b"new")) -> None:
    """Let an attempt store states, numbered from ten times its own number, and fail."""
    pod = Pod(bucket, tmp_path, attempt)

    def run() -> int:
        for number, content in enumerate(states, 10 * attempt):
            pod.saved(number, content)
        return 1

    assert pod.work(run) == 1


def test_a_later_attempt_continues_from_the_newest_state(bucket: Bucket, tmp_path: Path) -> None:
    earlier(bucket, tmp_path)
    pod = Pod(bucket, tmp_path, 3)  # the second one had stored none
    found: dict[str, bytes] = {}
    assert pod.work(lambda: found.update(pod.states()) or 0) == 0
    assert [*found.items()] == [(slot(11), b"new"), (slot(10), b"old")]
    assert not [key for key in bucket.puts() if key.startswith("runs/3/checkpoint")]  # it is that of the first one


def test_the_newest_attempt_that_has_a_state_counts(bucket: Bucket, tmp_path: Path) -> None:
    earlier(bucket, tmp_path, 1, [b"1"] * 3)
    earlier(bucket, tmp_path, 2, [b"2"])
    pod = Pod(bucket, tmp_path, 3)
    assert pod.work(lambda: 0) == 0
    assert pod.states() == {slot(20): b"2"}


def test_a_second_pod_of_an_attempt_replaces_its_older_state(bucket: Bucket, tmp_path: Path) -> None:
    earlier(bucket, tmp_path, states=[b"1", b"2", b"3"])
    second = Pod(bucket, tmp_path / "second", 1)
    assert second.work(lambda: second.saved(99, b"4") or 1) == 1
    third = Pod(bucket, tmp_path / "third", 1)
    assert third.work(lambda: 0) == 0
    assert [*third.states().values()] == [b"4", b"3"]


def member(**changes: Any) -> bytes:
    """Return a tar of one empty file with these fields."""
    info = tarfile.TarInfo(slot(11))
    for name, value in changes.items():
        setattr(info, name, value)
    return info.tobuf() + bytes(1024)


@pytest.mark.parametrize(
    "damaged",
    [
        *(b"", b"x" * 5000, member()[:100], member(size=5000)),
        *(member(name=name) for name in ("../checkpoint-b.safetensors", "/etc/passwd", "checkpoint.lock")),
        *(member(type=kind, linkname="/etc/passwd") for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)),
    ],
)
def test_without_the_newest_state_the_one_before_is_taken(damaged: bytes, bucket: Bucket, tmp_path: Path) -> None:
    earlier(bucket, tmp_path)
    bucket.put("runs/1/checkpoint-b", damaged)
    pod = Pod(bucket, tmp_path, 2)
    assert pod.work(lambda: 0) == 0
    assert pod.states()[slot(10)] == b"old"
    assert pod.job.warnings() == ["state-damaged"]
    assert [path.name for path in pod.folder.rglob("checkpoint*") if path.parent != pod.state] == []


def test_the_state_of_a_trial_keeps_its_folder_and_log(bucket: Bucket, tmp_path: Path) -> None:
    first = Pod(bucket, tmp_path, 1)
    assert first.work(lambda: first.save(7, b"seven", "0003.2", b"logged") or 1) == 1
    second = Pod(bucket, tmp_path, 2)
    assert second.work(lambda: 0) == 0
    assert second.states() == {f"0003.2/{slot(7)}": b"seven"}
    assert (second.state / "0003.2" / "train.log.jsonl").read_bytes() == b"logged"


def test_a_state_that_cannot_be_stored_costs_warnings_and_not_the_result(bucket: Bucket, tmp_path: Path) -> None:
    pod = Pod(bucket, tmp_path, 1)
    tried = threading.Event()
    asked: list[str] = []

    def fault(method: str, key: str) -> Fault:
        if method == "GET" or "checkpoint" not in key:
            return None
        asked.append(key)
        if len(asked) == 3:
            tried.set()
        return 503

    bucket.fault = fault

    def run() -> int:
        pod.save(1, b"1")
        return 0 if tried.wait(DEADLINE) else 1

    assert pod.work(run) == 0
    assert pod.job.warnings()[:1] == ["bucket-away"]
    assert pod.job.key("manifest.json") in bucket.names()
    assert set(asked) == {pod.job.key("checkpoint-b")}


def test_states_that_are_refused_for_good_are_one_warning(bucket: Bucket, tmp_path: Path) -> None:
    pod = Pod(bucket, tmp_path, 1)
    refused = threading.Semaphore(0)

    def fault(method: str, key: str) -> Fault:
        if method == "GET" or "checkpoint" not in key:
            return None
        refused.release()
        return 413

    def run() -> int:
        for number in (1, 2, 3):
            pod.save(number, b"state")
            assert refused.acquire(timeout=DEADLINE)
        return 0

    bucket.fault = fault
    assert pod.work(run) == 0
    assert pod.job.warnings() == ["state-unwritable"]


@pytest.mark.parametrize("code", [1, 3, 4, 143])
def test_at_the_end_of_a_command_that_failed_its_state_is_stored(code: int, bucket: Bucket, tmp_path: Path) -> None:
    pod = Pod(bucket, tmp_path, 1)
    assert pod.work(lambda: pod.save(1, b"last") or code) == code
    assert bucket.puts()[-1] == pod.job.key("log.jsonl")
    later = Pod(bucket, tmp_path, 2)
    assert later.work(lambda: 0) == 0
    assert later.states() == {slot(1): b"last"}


def test_a_bucket_that_stays_away_does_not_hold_a_failed_command(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_GRACE_SECONDS", 0.05)
    bucket.fault = lambda method, _: 503 if method == "PUT" else None
    pod = Pod(bucket, tmp_path, 1)
    assert pod.work(lambda: pod.save(1, b"1") or 143) == 143


TRAIN = ["train", "--data", "/pfs/corpus", "--out", "/pfs/out", "--preset", "test", "--set", "epochs=8", "--seed", "5"]
TRAIN += ["--checkpoint-seconds", "0", "--log", "json"]
# It saves three times and then waits: for what the test does once a state is stored.
HELD = """
import sys, threading
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.training import checkpointer

save, saves = checkpointer.Checkpointer.save, []

def save_and_wait(*arguments):
    save(*arguments)
    saves.append(1)
    if len(saves) == 3:
        signals = arguments[0]._signals
        while signals.requested is None:
            threading.Event().wait(0.01)

checkpointer.Checkpointer.save, checkpointer._SAVE_RATIO = save_and_wait, 0
sys.exit(main(sys.argv[1:]))
"""


class RealPod(Pod):
    """An attempt that trains in a process of its own."""

    def __init__(self, bucket: Bucket, folder: Path, attempt: int, corpus: Path) -> None:
        super().__init__(bucket, folder, attempt)
        self.job.command = ["scriptmodel-trainer", *TRAIN]
        self.job.add_files("corpus", {f"/{path.name}": path.read_bytes() for path in corpus.iterdir()})

    def killed_by(self, number: signal.Signals, after: int = 1) -> int:
        """Train until `after` states are stored, then send the signal; returns the exit code."""
        words = [sys.executable, "-c", HELD, "job", str(self.job.write())]
        states = threading.Semaphore(0)
        self.job.bucket.stored = lambda key: states.release() if key.startswith(self.job.key("checkpoint-")) else None
        process = subprocess.Popen(words, env=os.environ | self.variables, stdout=subprocess.DEVNULL)
        try:
            assert all(states.acquire(timeout=DEADLINE * 5) for _state in range(after))
            process.send_signal(number)
            return process.wait(DEADLINE)
        finally:
            process.kill()

    def finished(self) -> bytes:
        """Train to the end; returns the weights."""
        done = spawn_trainer(["job", self.job.write()], self.variables)
        assert done.returncode == 0, done.stdout + done.stderr
        files = self.job.bucket.json(self.job.key("manifest.json"))["files"]
        pack = self.job.bucket.read(self.job.key("pack-0000"))
        (weights,) = (file for file in files if file["path"].startswith("/weights-"))
        return pack[weights["offset"] : weights["offset"] + weights["size"]]


@pytest.mark.slow
def test_a_training_that_is_killed_continues_from_the_bucket_bit_identically(
    corpus: Path, bucket: Bucket, tmp_path: Path
) -> None:
    assert RealPod(bucket, tmp_path / "killed", 1, corpus).killed_by(signal.SIGKILL) == -signal.SIGKILL
    stopped = RealPod(bucket, tmp_path / "killed", 2, corpus)
    assert stopped.killed_by(signal.SIGTERM, after=2) == 143  # the first is that of the resumption
    message = (stopped.folder / "termination").read_text()
    assert message.startswith("stopped in epoch ")
    assert "state saved" in message
    assert [event["event"] for event in stopped.job.events()][-1] == "error"
    resumed = RealPod(bucket, tmp_path / "killed", 3, corpus)
    weights = resumed.finished()
    (event,) = (event for event in resumed.job.events() if event["event"] == "resumed")
    assert event["restarts"] == 2
    with Bucket(tmp_path / "another") as another:
        assert weights == RealPod(another, tmp_path / "undisturbed", 1, corpus).finished()


@pytest.mark.slow
def test_the_log_of_a_trial_has_the_events_of_the_process_that_trains(
    corpus: Path, bucket: Bucket, tmp_path: Path
) -> None:
    pod = RealPod(bucket, tmp_path, 1, corpus)
    pod.job.command = ["scriptmodel-trainer", "trial", "--trial", "/pfs/trial", *TRAIN[1:5], "--log", "json"]
    pod.job.command += ["--preset", "test", "--set", "epochs=1"]
    pod.job.add_files("trial", {"/0003/trial.json": b'{"parameters": {}, "seed": 1, "share": "1"}'}, "/0003")
    done = spawn_trainer(["job", pod.job.write()], pod.variables)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = [event["event"] for event in pod.job.events()]
    assert (kinds[0], kinds[-1]) == ("start", "trial")
    paths = {file["path"] for file in bucket.json(pod.job.key("manifest.json"))["files"]}
    assert paths > {"/0003/trial.json", "/0003/model.json"}


def test_the_command_starts_as_installed(tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "job", "--help"], capture_output=True, text=True, check=True)
    assert "scriptmodel-trainer job /scriptmodel/job.json" in done.stdout
