"""A job fetches its inputs, runs its command and stores its state and what came of it, whatever the bucket does."""

import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from bucket import Bucket, Fault, Job, every, first, manifest, version
from running import spawn_trainer

from scriptmodel_trainer.cli import main, program
from scriptmodel_trainer.errors import BadInputError, DivergedError
from scriptmodel_trainer.job import files as job_files
from scriptmodel_trainer.job import manifest as manifests
from scriptmodel_trainer.job import running, states, transfers
from scriptmodel_trainer.job.document import read_document
from scriptmodel_trainer.progress.events import Failed
from scriptmodel_trainer.progress.listeners import progress_for

URL = "http://a/b"
INPUT = {"name": "corpus", "folder": "/", "packs": [URL], "manifest": {"url": URL, "sha256": "0" * 64, "size": 1}}
COMMAND = ["train", "--data", "/pfs/corpus", "--out", "/pfs/out"]
PLAYS = {"/hamlet.txt": b"To be", "/later/lear.txt": b"", "/later/macbeth.txt": b"Is this a dagger"}
Run = Callable[[Sequence[str]], int]


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    with Bucket(tmp_path / "bucket") as bucket:
        yield bucket


def wait_little(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(transfers, "FIRST_WAIT", 0.001)
    patched.setattr(transfers, "LONGEST_WAIT", 0.01)
    patched.setattr(states, "POLL_SECONDS", 0.001)


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a pod, with its /pfs, /state and termination log; waits take no time."""
    for name, variable in (("pfs", "PFS_ROOT"), ("state", "SCRIPTMODEL_STATE_DIR")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.setenv("SCRIPTMODEL_TERMINATION_LOG", str(tmp_path / "termination"))
    wait_little(monkeypatch)
    return tmp_path


@pytest.fixture
def job(bucket: Bucket, pod: Path) -> Job:
    return Job(bucket, pod, COMMAND)


@pytest.fixture
def running_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[Run], None]:
    """Return what replaces the command that a job runs."""
    return lambda run: monkeypatch.setattr(program, "main", run)


def writing(pod: Path, files: dict[str, bytes], code: int = 0) -> Run:
    """Return a command that writes files to /pfs/out and ends with that code."""

    def run(words: Sequence[str]) -> int:
        for path, content in files.items():
            (pod / "pfs" / "out" / path).parent.mkdir(parents=True, exist_ok=True)
            (pod / "pfs" / "out" / path).write_bytes(content)
        print(json.dumps({"event": "ran", "words": list(words)}))
        return code

    return run


def files_below(folder: Path) -> dict[str, bytes]:
    return {f"/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_job_fetches_runs_and_stores_the_manifest_last(
    job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    job.add_files("corpus", PLAYS)
    running_as(writing(pod, {"model.json": b"{}", "a/b": b"B", "a-b": b""}))
    assert main(["job", str(job.write())]) == 0
    assert files_below(pod / "pfs" / "corpus") == PLAYS
    assert job.bucket.puts() == [job.key(name) for name in ("pack-0000", "log.jsonl", "manifest.json")]
    (ran,) = job.events()
    assert ran["words"] == COMMAND
    stored, pack = job.bucket.json(job.key("manifest.json")), job.bucket.read(job.key("pack-0000"))
    assert stored["packs"] == [{"name": "pack-0000", "sha256": hashlib.sha256(pack).hexdigest(), "size": 3}]
    assert [(file["path"], file["offset"], file["size"]) for file in stored["files"]] == [
        ("/a-b", 0, 0),
        ("/a/b", 0, 1),
        ("/model.json", 1, 2),
    ]
    for file in stored["files"]:
        content = pack[file["offset"] : file["offset"] + file["size"]]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert job.bucket.read(job.key("manifest.json")) == manifests.canonical(stored)
    assert not (pod / "termination").exists()


def test_packs_are_closed_before_they_grow_too_large(
    job: Job, pod: Path, running_as: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_files, "MOST_OF_PACK", 10)
    running_as(writing(pod, {"a": b"1" * 6, "b": b"2" * 4, "c": b"3", "d": b"4" * 25, "e": b""}))
    assert main(["job", str(job.write())]) == 0
    stored = job.bucket.json(job.key("manifest.json"))
    assert [pack["size"] for pack in stored["packs"]] == [10, 1, 25, 0]
    assert [file["pack"] for file in stored["files"]] == [0, 0, 1, 2, 3]


def test_an_output_without_room_is_refused_before_anything_is_stored(
    job: Job, pod: Path, running_as: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_files, "MOST_OF_PACK", 1)
    running_as(writing(pod, {str(number): b"0" for number in range(5)}))
    assert main(["job", str(job.write())]) == 3
    assert job.bucket.puts() == [job.key("log.jsonl")]
    assert (pod / "termination").read_text() == "the output needs 5 packs, and there is room for 4\n"


def test_only_the_named_folder_is_fetched(job: Job, pod: Path, running_as: Callable[[Run], None]) -> None:
    listed, packs = version({"/0001/a": b"A", "/0001/b": b"B", "/0002/a": b"x" * 5000}, gap=b"-" * 100)
    job.add("trial", listed, packs, "/0001")
    running_as(writing(pod, {}))
    assert main(["job", str(job.write())]) == 0
    assert files_below(pod / "pfs" / "trial") == {"/0001/a": b"A", "/0001/b": b"B"}
    assert job.bucket.sent == len(listed) + 102
    assert job.bucket.json(job.key("manifest.json")) == {"schema": 1, "packs": [], "files": []}


def test_packs_without_a_file_of_the_folder_are_not_fetched(
    job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    packs = [b"first", b"second"]
    records = [
        {"offset": 0, "pack": n, "path": f"/000{n}/a", "sha256": hashlib.sha256(pack).hexdigest(), "size": len(pack)}
        for n, pack in enumerate(packs)
    ]
    job.add("trial", manifest(records, packs), packs, "/0001")
    running_as(writing(pod, {}))
    assert main(["job", str(job.write())]) == 0
    assert [key for _, key in job.bucket.requests if key.startswith("trial/")] == ["trial/manifest", "trial/pack-1"]


def hostile(*files: dict[str, Any]) -> bytes:
    """Return a manifest of files that are as usual but for these fields, in a pack of five bytes."""
    file = {"offset": 0, "pack": 0, "path": "/a", "sha256": hashlib.sha256(b"12345").hexdigest(), "size": 5}
    return manifest([file | changes for changes in files], [b"12345"])


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        *((hostile({"path": path}), "is not a path of a version") for path in (
            "/../a", "/a/../../b", "/./a", "a", "//a", "/a/", "/", "", "/a\nb", "/a\0b", "/\x85", f"/{'é' * 512}"
        )),
        (hostile({"path": "/\ud800"}), "is not valid"),
        (hostile({"offset": 1}), "does not lie within pack 0"),
        (hostile({"size": 6}), "does not lie within pack 0"),
        (hostile({"offset": -1}), ">= 0"),
        (hostile({"size": 1 << 60}), "`$.files[0].size`"),
        (hostile({"pack": 1}), "does not lie within pack 1"),
        (hostile({"sha256": "x"}), "`$.files[0].sha256`"),
        (b"[" * 100_000, "is not valid"),
        (b'{"schema":2,"packs":[],"files":[]}', "`$.schema`"),
    ],
)  # fmt: skip
def test_a_hostile_manifest_writes_nothing(
    listed: bytes, reason: str, job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    job.add("corpus", listed, [b"12345"])
    running_as(writing(pod, {}))
    assert main(["job", str(job.write())]) == 2
    message = (pod / "termination").read_text()
    assert message.startswith("the manifest of input corpus is not valid: ")
    assert reason in message
    assert not files_below(pod / "pfs")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([{"path": "/a"}, {"path": "/b"}], "b does not have the SHA-256"),
        ([{"path": "/a"}, {"path": "/a"}], "File exists"),
        ([{"path": "/a", "size": 0, "sha256": hashlib.sha256().hexdigest()}, {"path": "/a/b"}], "File exists"),
    ],
    ids=["overlapping", "twice", "below a file"],
)
def test_files_that_are_in_each_others_way_end_the_job(
    files: list[dict[str, Any]], reason: str, job: Job, pod: Path
) -> None:
    job.add("corpus", hostile(*files), [b"12345"])
    assert main(["job", str(job.write())]) == 3
    assert reason in (pod / "termination").read_text()


def test_as_many_urls_as_packs_are_required(job: Job, pod: Path) -> None:
    job.add("corpus", manifest([], [b"1", b"2"]), [b"1"])
    assert main(["job", str(job.write())]) == 2
    assert "input corpus has 2 packs, and the job document 1 URLs" in (pod / "termination").read_text()


def test_the_document_of_the_operator_is_valid() -> None:
    document = read_document(Path(__file__).parents[2] / "contract" / "job.json")
    assert [each.name for each in document.inputs] == ["corpus", "base"]
    assert len(document.output.packs) == 64


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda bucket: bucket.put("corpus/pack-0", b"To bf" + b"Is this a dagger"), "does not have the SHA-256"),
        (lambda bucket: bucket.put("corpus/pack-0", b"To be"), "pack 0 of input corpus is shorter than listed"),
        (lambda bucket: (bucket.folder / "corpus/pack-0").unlink(), "the bucket answered HTTP 404 NoSuchKey"),
        (lambda bucket: bucket.put("corpus/manifest", b"x" * 999), "the manifest of input corpus does not have"),
        (lambda bucket: bucket.put("corpus/manifest", b"{}"), "the manifest of input corpus is shorter than listed"),
        (lambda bucket: (bucket.folder / "corpus/manifest").unlink(), "the bucket answered HTTP 404 NoSuchKey"),
    ],
)  # fmt: skip
def test_an_input_that_is_not_as_listed_ends_the_job(
    spoil: Callable[[Bucket], object], reason: str, job: Job, pod: Path
) -> None:
    job.add_files("corpus", PLAYS)
    spoil(job.bucket)
    assert main(["job", str(job.write())]) == 3
    assert reason in (pod / "termination").read_text()
    (error,) = job.events()
    assert (error["event"], error["code"]) == ("error", 3)
    assert job.key("manifest.json") not in job.bucket.names()


@pytest.mark.parametrize("fault", [503, 500, 429, "cut", "drop"])
def test_a_bucket_that_fails_each_third_call_costs_nothing_and_is_no_outage(
    fault: Fault, job: Job, pod: Path, running_as: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "CHUNK", 100)
    files = {f"/{number}": os.urandom(1000) for number in range(9)}
    job.add_files("corpus", files)
    job.bucket.fault = every(3, fault)
    running_as(writing(pod, {path[1:]: content for path, content in files.items()}))
    assert main(["job", str(job.write())]) == 0
    assert files_below(pod / "pfs" / "corpus") == files
    assert job.bucket.read(job.key("pack-0000")) == job.bucket.read("corpus/pack-0")
    assert job.warnings() == []


def test_an_outage_has_a_line_at_its_start_and_one_at_its_end(
    job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    job.add_files("corpus", PLAYS)
    job.bucket.fault = first(iter([None, 503, "drop", 500, 503, 503]))
    running_as(writing(pod, {}))
    assert main(["job", str(job.write())]) == 0
    assert job.warnings() == ["bucket-away", "bucket-back"]
    (away, _) = (event["message"] for event in job.events() if event["event"] == "warning")
    assert away.startswith("pack 0 of input corpus: ")


def test_a_bucket_that_refuses_connections_is_waited_for(pod: Path, running_as: Callable[[Run], None]) -> None:
    with Bucket(pod / "gone") as gone:
        job = Job(gone, pod, COMMAND)
        job.write()
    refused = threading.Event()
    running_as(writing(pod, {"a": b"A"}))
    with Bucket(pod / "bucket") as bucket:
        job.bucket = bucket

        def read(path: Path) -> Any:
            if refused.is_set():
                job.write()
            refused.set()
            return document(path)

        document = transfers.read_document
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(transfers, "read_document", read)
            assert main(["job", str(job.path)]) == 0
        assert job.bucket.read(job.key("pack-0000")) == b"A"


_EXPIRED, _KEYS_CHANGED = (403, "AccessDenied"), (404, "XAdminUserNotFound")


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("corpus/manifest", _EXPIRED),
        ("corpus/pack-0", _KEYS_CHANGED),
        ("pack-0000", _EXPIRED),
        ("pack-0000", _KEYS_CHANGED),
        ("log.jsonl", _EXPIRED),
        ("manifest.json", _EXPIRED),
    ],
)
def test_expired_urls_are_waited_for_until_the_document_is_renewed(
    key: str, answer: tuple[int, str], job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    job.bucket.expired = answer
    job.add_files("corpus", PLAYS)
    tries = itertools.count()

    def fault(method: str, requested: str) -> None:
        """Expire all URLs when one is first used; renew the document after three tries."""
        if requested.endswith(key) and (tried := next(tries)) in (0, 3):
            job.bucket.epoch += tried == 0
            if tried == 3:
                job.write()

    job.bucket.fault = fault
    running_as(writing(pod, {"a": b"A"}))
    assert main(["job", str(job.write())]) == 0
    assert job.bucket.names() >= {job.key(name) for name in ("pack-0000", "log.jsonl", "manifest.json")}
    assert next(tries) == 5


@pytest.mark.parametrize("size", [1, 20 << 20])
def test_a_write_that_is_refused_for_good_ends_the_job_although_none_of_it_was_read(
    size: int, job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    job.bucket.fault = lambda _, key: 413 if key.endswith("pack-0000") else None
    running_as(writing(pod, {"a": b"A" * size}))
    assert main(["job", str(job.write())]) == 3
    assert "pack-0000: the bucket answered HTTP 413" in (pod / "termination").read_text()


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ([307], "the manifest of input corpus: the bucket answered HTTP 307"),
        ([None, "cut", "whole"], "does not answer with a range of bytes"),
    ],
    ids=["a redirect", "an answer from the start"],
)
def test_a_download_does_not_continue_elsewhere(faults: list[Fault], reason: str, job: Job, pod: Path) -> None:
    job.add_files("corpus", PLAYS)
    job.bucket.fault = first(iter(faults))
    assert main(["job", str(job.write())]) == 3
    assert reason in (pod / "termination").read_text()


def failing(error: Exception) -> Run:
    """Return a command that reports an error as commands do, and ends with its code."""

    def run(words: Sequence[str]) -> int:
        if not isinstance(error, BadInputError | DivergedError):
            raise error
        progress_for("json").report(Failed(error))
        return error.code

    return run


def test_a_failed_command_ends_with_its_code_and_stores_its_log(
    job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    running_as(failing(DivergedError("the loss is NaN", "lower the learning rate")))
    assert main(["job", str(job.write())]) == 4
    assert [event["message"] for event in job.events()] == ["the loss is NaN"]
    assert job.bucket.puts() == [job.key("log.jsonl")]


def test_the_error_of_the_command_is_the_termination_message(job: Job, pod: Path) -> None:
    """Run the real command, whose input is missing."""
    assert main(["job", str(job.write())]) == 2
    message = (pod / "termination").read_text()
    assert re.fullmatch(r"no such path: .*/corpus; check the path\n", message)
    assert message.strip() in job.bucket.read(job.key("log.jsonl")).decode()


def test_a_bug_leaves_its_traceback_in_the_log_and_its_line_as_the_message(
    job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    running_as(failing(KeyError("odd")))
    assert main(["job", str(job.write())]) == 1
    assert (pod / "termination").read_text() == "KeyError: 'odd'\n"
    assert "Traceback (most recent call last)" in job.bucket.read(job.key("log.jsonl")).decode()


def test_a_log_that_cannot_be_stored_in_time_does_not_change_the_exit_code(
    job: Job, pod: Path, running_as: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.02)
    job.bucket.fault = lambda method, _: 503 if method == "PUT" else None
    running_as(failing(DivergedError("the loss is NaN")))
    assert main(["job", str(job.write())]) == 4
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["code"] == "log-not-stored"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema": 2}, "`$.schema`"),
        ({"extra": 1}, "`extra`"),
        ({"command": ["sh", "-c", "true"]}, "command must be scriptmodel-trainer with one of"),
        ({"command": ["scriptmodel-trainer", "serve"]}, "command must be scriptmodel-trainer with one of"),
        ({"expires": "soon"}, "`$.expires`"),
        ({"inputs": [{}]}, "`$.inputs[0]`"),
        *(({"inputs": [INPUT | {field: value}]}, "`$.inputs[0]") for field, value in (
            ("name", "out"), ("name", "../out"), ("name", ""), ("folder", "/a/.."), ("folder", "a"), ("packs", ["ftp://a"])
        )),
        ({"output": {"packs": [URL] * 200, "manifest": URL, "log": URL}}, "more than 200 URLs"),
        ({"output": {"packs": ["file:///etc"], "manifest": URL, "log": URL}}, "`$.output.packs[0]`"),
        ({"checkpoints": {"read": [[URL]], "write": [URL, URL]}}, "`$.checkpoints.read[0]`"),
    ],
)  # fmt: skip
def test_a_wrong_document_is_bad_input_that_names_the_field(
    changes: dict[str, Any], reason: str, job: Job, pod: Path
) -> None:
    assert main(["job", str(job.write(**changes))]) == 2
    assert reason in (pod / "termination").read_text()
    assert job.bucket.requests == []


def test_a_missing_document_is_bad_input(pod: Path) -> None:
    assert main(["job", str(pod / "absent.json")]) == 2
    assert "absent.json cannot be read: No such file" in (pod / "termination").read_text()


def test_the_log_holds_the_newest_lines(
    job: Job, pod: Path, running_as: Callable[[Run], None], monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """Also those of children and of standard error; all are shown, in one stream."""
    monkeypatch.setattr(running, "MOST_LOG", 10_000)

    def run(words: Sequence[str]) -> int:
        for number in range(10_000):
            print(f"line {number}", flush=True)
        subprocess.run(["echo", "of a child"], check=True)
        print("of standard error", file=sys.stderr, flush=True)
        return 0

    running_as(run)
    assert main(["job", str(job.write())]) == 0
    log = job.bucket.read(job.key("log.jsonl")).decode()
    assert 9_000 < len(log) <= 10_000
    assert {"line 9999", "of a child", "of standard error"} <= set(log.splitlines())
    assert re.fullmatch(r"line \d{4}", log.splitlines()[0])
    shown = capfd.readouterr()
    assert shown.out.splitlines() == [
        *(f"line {number}" for number in range(10_000)),
        "of a child",
        "of standard error",
    ]


def test_memory_does_not_grow_with_the_pack(job: Job, pod: Path, running_as: Callable[[Run], None]) -> None:
    content = bytes(1 << 25)
    job.add_files("corpus", {"/a": content})
    running_as(writing(pod, {"a": content}))
    path = job.write()
    tracemalloc.start()
    try:
        assert main(["job", str(path)]) == 0
        assert tracemalloc.get_traced_memory()[1] < len(content) // 4
    finally:
        tracemalloc.stop()


def test_help_and_start_do_not_load_tensorflow() -> None:
    program = "import sys; from scriptmodel_trainer.job import running; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_signal_while_inputs_are_fetched_ends_the_job(job: Job, pod: Path) -> None:
    job.add_files("corpus", PLAYS)

    def fault(method: str, key: str) -> Fault:
        if key == "corpus/pack-0":
            os.kill(os.getpid(), signal.SIGTERM)
            return 503
        return None

    job.bucket.fault = fault
    assert main(["job", str(job.write())]) == 143
    assert "stopped by SIGTERM" in (pod / "termination").read_text()
    assert job.bucket.puts() == [job.key("log.jsonl")]


def test_a_signal_while_outputs_are_stored_does_not_lose_them(
    job: Job, pod: Path, running_as: Callable[[Run], None]
) -> None:
    job.bucket.stored = lambda key: os.kill(os.getpid(), signal.SIGTERM) if key.endswith("pack-0000") else None
    running_as(writing(pod, {"a": b"A"}))
    assert main(["job", str(job.write())]) == 0
    assert job.key("manifest.json") in job.bucket.names()


def test_a_standard_output_that_nobody_reads_ends_the_command_and_not_the_log(job: Job, pod: Path) -> None:
    program = (
        "import sys; from scriptmodel_trainer.cli import program; main, program.main = program.main, lambda _: talk()\n"
    )
    program += "def talk():\n while True: print('line', flush=True)\nsys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "job", str(job.write())]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.wait(60) == 3
    assert (pod / "termination").read_text().startswith("standard output was closed")
    assert job.bucket.read(job.key("log.jsonl")).startswith(b"line\n")


def slot(number: int) -> str:
    """Return the file of a state: they are written by turns."""
    return f"checkpoint-{'ab'[number % 2]}.safetensors"


DEADLINE = 60


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
        self.job = Job(bucket, folder, COMMAND, attempt)
        self._storing = threading.Condition()
        self._stored: list[str] = []
        bucket.stored = self._note

    def work(self, run: Callable[[], int]) -> int:
        with pytest.MonkeyPatch.context() as patched:
            for name, value in self.variables.items():
                patched.setenv(name, value)
            patched.setattr(program, "main", lambda *_: run())
            wait_little(patched)
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
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.05)
    bucket.fault = lambda method, _: 503 if method == "PUT" else None
    pod = Pod(bucket, tmp_path, 1)
    assert pod.work(lambda: pod.save(1, b"1") or 143) == 143


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
        threading.Event().wait()

checkpointer.Checkpointer.save, checkpointer.SAVE_RATIO = save_and_wait, 0
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_training_that_is_killed_continues_from_the_bucket(corpus: Path, bucket: Bucket, tmp_path: Path) -> None:
    def pod(attempt: int) -> Pod:
        made = Pod(bucket, tmp_path, attempt)
        made.job.command = ["scriptmodel-trainer", "train", "--data", "/pfs/corpus", "--out", "/pfs/out"]
        made.job.command += ["--preset", "test", "--set", "epochs=8", "--checkpoint-seconds", "0", "--log", "json"]
        made.job.add_files("corpus", {f"/{path.name}": path.read_bytes() for path in corpus.iterdir()})
        return made

    killed, stored = pod(1), threading.Event()
    bucket.stored = lambda key: stored.set() if key.startswith(killed.job.key("checkpoint-")) else None
    words = [sys.executable, "-c", HELD, "job", str(killed.job.write())]
    with subprocess.Popen(words, env=os.environ | killed.variables, stdout=subprocess.DEVNULL) as process:
        assert stored.wait(DEADLINE * 5)
        process.kill()
    resumed = pod(2)
    done = spawn_trainer(["job", resumed.job.write()], resumed.variables)
    assert done.returncode == 0, done.stdout + done.stderr
    (event,) = (event for event in resumed.job.events() if event["event"] == "resumed")
    assert event["restarts"] == 1
    assert "/model.json" in {file["path"] for file in bucket.json(resumed.job.key("manifest.json"))["files"]}
