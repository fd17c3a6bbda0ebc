"""The process that reads a downloaded file: its rights, its limits, and the validation of its messages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest import archive, receive
from scriptmodel_operator.ingest import package as module
from scriptmodel_operator.ingest.archive import Options
from scriptmodel_operator.ingest.entries import FileStream
from scriptmodel_operator.ingest.failures import DeliveryCancelledError, SourceError
from scriptmodel_operator.ingest.frames import Kind, encode
from scriptmodel_operator.ingest.package import Digest, files_by_reader, manifest_of
from tests.unit.operator.archives import PLAYS, tar_gz_of, tar_of, zip_of
from tests.unit.operator.test_archive import pax

MEBIBYTE = 1024 * 1024
TAKEN = {f"/{name}": content for name, content in PLAYS.items()}
SANDBOXED = """
import errno, mmap, os, socket, sys
from scriptmodel_operator.ingest import sandbox
sandbox.limit(10, 64 << 20)
assert (why := sandbox.filter_calls()) == "", why
def attempt(what, call):
    try:
        call()
    except OSError as error:
        os.write(1, f"{what}: {errno.errorcode[error.errno]}\\n".encode())
    except MemoryError:
        os.write(1, f"{what}: MemoryError\\n".encode())
    else:
        os.write(1, f"{what}: done\\n".encode())
attempt("open", lambda: os.open("/etc/passwd", os.O_RDONLY))
attempt("create", lambda: os.open("/tmp/scriptmodel-made-by-a-test", os.O_CREAT | os.O_WRONLY))
attempt("socket", lambda: socket.socket())
attempt("fork", os.fork)
attempt("exec", lambda: os.execv(sys.executable, ["python"]))
attempt("kill", lambda: os.kill(1, 0))
attempt("write elsewhere", lambda: os.write(2, b"x"))
attempt("memory", lambda: bytearray(128 << 20))
attempt("code", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC))
os._exit(0)
"""


def files(
    content: bytes,
    *include: str,
    name: str = "play.txt",
    cancelled: threading.Event | None = None,
    **limits: int,
) -> FileStream:
    options = Options(len(content), name, include, **{"most_bytes": 16 * MEBIBYTE, **limits})
    with tempfile.TemporaryFile() as file:
        file.write(content)
        yield from files_by_reader(file, options, cancelled or threading.Event())


def manifest(content: bytes, *include: str, **options: Any) -> Mapping[str, Digest]:
    return manifest_of(files(content, *include, **options))


def refused(content: bytes, **limits: int) -> tuple[Reason, str]:
    with pytest.raises(SourceError) as caught:
        manifest(content, **limits)
    return caught.value.reason, str(caught.value)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has another program than the reader read the file."""
    return lambda code: monkeypatch.setattr(module, "READER", (sys.executable, "-I", "-c", code))


def sending(*frames: bytes) -> str:
    return f"import os; os.write(1, {b''.join(frames)!r})"


@pytest.mark.parametrize("make", [tar_of, tar_gz_of, zip_of])
def test_it_can_be_read_again_and_its_manifest_has_sizes_and_digests(make: Callable[..., bytes]) -> None:
    content = make(PLAYS)
    options = Options(len(content), "play.txt", (), 16 * MEBIBYTE)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        read = partial(files_by_reader, file, options, threading.Event())
        assert {path: b"".join(pieces) for path, pieces in read()} == TAKEN
        first, second = manifest_of(read()), manifest_of(read())
    assert first == second
    assert {path: digest.size for path, digest in first.items()} == {path: len(text) for path, text in TAKEN.items()}


def test_options_reach_the_reader_with_any_characters() -> None:
    for include in ((), ("caf\udce9*",)):
        assert set(manifest(b"To be\n", *include, name="caf\udce9\0.txt")) == {"/caf%E9%00.txt"}


def test_a_file_that_is_not_read_whole_is_skipped() -> None:
    assert [path for path, _pieces in files(tar_of(PLAYS))] == list(TAKEN)


def test_errors_of_an_archive_are_reported() -> None:
    assert refused(pax(b"x" * 16) + bytes(1024))[0] is Reason.CORPUS_INVALID
    assert refused(tar_of({"../up": b"x"}))[0] is Reason.CORPUS_INVALID


def test_the_sandbox_refuses_files_sockets_processes_code_and_memory() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SANDBOXED], capture_output=True, text=True, timeout=60, env={}, check=False
    )
    found = dict(line.split(": ") for line in ran.stdout.splitlines())
    calls = ("open", "create", "socket", "fork", "exec", "kill", "write elsewhere", "code")
    assert found == {**dict.fromkeys(calls, "EPERM"), "memory": "MemoryError"}, ran.stderr
    assert ran.returncode == 0


def test_a_reader_has_no_environment_and_only_the_file_and_a_pipe(reader: Callable[[str], None]) -> None:
    reader(
        "import os, sys\n"
        "from scriptmodel_operator.ingest.frames import Kind, encode\n"
        "found = sorted(os.listdir('/proc/self/fd')), sorted(set(os.environ) - {'LC_CTYPE'}), os.getcwd()\n"
        "try:\n    os.write(0, b'x')\n    written = 'written'\n"
        "except OSError:\n    written = 'read only'\n"
        "text = f'{Reason}\\n{found} {written}' if (Reason := 'CorpusInvalid') else ''\n"
        "os.write(1, encode(Kind.START) + encode(Kind.FAILURE, text.encode()))\n"
    )
    # The fourth is that of listing them.
    assert refused(b"x")[1] == "(['0', '1', '2', '3'], [], '/') read only"


def test_a_reader_that_never_ends_is_killed_and_reaped_when_its_download_is_cancelled(
    reader: Callable[[str], None],
) -> None:
    reader(f"{sending(encode(Kind.START), encode(Kind.FILE, b'/a'))}\nwhile True: pass")
    cancelled = threading.Event()
    received = files(b"x", cancelled=cancelled)
    next(received)
    cancelled.set()
    with pytest.raises(DeliveryCancelledError):
        next(received)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_reader_is_stopped_after_its_time_limit(
    reader: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_GRACE_SECONDS", 0)
    drip = encode(Kind.START) + encode(Kind.FILE, b"/a") + encode(Kind.DATA, b"x") * 100
    for code in (
        "import time; time.sleep(600)",
        f"import os, time\nfor b in {drip!r}: os.write(1, bytes([b])); time.sleep(0.09)",
    ):
        reader(code)
        assert refused(b"x")[0] is Reason.CORPUS_TOO_LARGE


def test_a_reader_that_uses_up_its_cpu_seconds_is_an_archive_that_is_too_much(reader: Callable[[str], None]) -> None:
    reader(f"import os, signal; os.kill(os.getpid(), {int(signal.SIGXCPU)})")
    reason, text = refused(b"x")
    assert (reason, "s of CPU" in text) == (Reason.CORPUS_TOO_LARGE, True)


def test_a_reader_that_closes_its_output_and_runs_on_is_killed(reader: Callable[[str], None]) -> None:
    reader("import os, time; os.close(1); time.sleep(600)")
    assert "continues to run" in refused(b"x")[1]


def test_a_reader_that_was_killed_is_tried_again(reader: Callable[[str], None]) -> None:
    reader("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(SourceError, match="ended with signal 9") as caught:
        manifest(b"x")
    assert caught.value.passing


@pytest.mark.parametrize(
    "frames",
    [
        b"\xff" * 100,
        encode(Kind.END),
        encode(Kind.START) + b"\x03\xff\xff\xff\xff",
        encode(Kind.START) + encode(Kind.DATA, b"x"),
        encode(Kind.START) + encode(Kind.FILE, b"/a/../b"),
        encode(Kind.START) + encode(Kind.FILE, b"a"),
        encode(Kind.START) + encode(Kind.FILE, b"/\x1b[2J"),
        encode(Kind.START) + encode(Kind.FILE, b"/a") * 2,
        encode(Kind.START) + encode(Kind.FILE, b"/a") + encode(Kind.DATA),
        encode(Kind.START) + encode(Kind.FILE, b"/a") + encode(Kind.FILE, b"/b") + encode(Kind.FILE, b"/c"),
        encode(Kind.START) + encode(Kind.FILE, b"/a") + encode(Kind.DATA, b"x" * 2000),
        encode(Kind.START) + encode(Kind.FAILURE, b"Ready\nall is well"),
        encode(Kind.START) + encode(Kind.FAILURE, b"CorpusInvalid\n\x1b[2J"),
    ],
)
def test_invalid_messages_of_a_reader_are_refused(reader: Callable[[str], None], frames: bytes) -> None:
    reader(sending(frames, encode(Kind.END)))
    reason, text = refused(b"x", most_files=2, most_bytes=1000)
    assert (reason, "may be an attack" in text) == (Reason.CORPUS_INVALID, True)


def test_a_kernel_that_refuses_the_filter_is_warned_of_once(
    reader: Callable[[str], None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "_warned", set())
    reader(sending(encode(Kind.START, b"Invalid argument"), encode(Kind.END)))
    for _ in range(2):
        assert manifest(b"x") == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Invalid argument" in caplog.text


def test_a_reader_is_small_and_imports_nothing_of_the_operators_weight() -> None:
    code = "import sys, scriptmodel_operator.ingest.reader; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"aiohttp", "pydantic", "kopf", "grpc", "asyncio", "subprocess", "ssl"} & set(ran.stdout.split())


def test_memory_that_an_archive_needs_is_bounded() -> None:
    """Deep folders: each path adds hundreds of folder names that have to be remembered."""
    deep = {f"{number:04d}/" + "/".join(["d"] * 495) + "/f": b"" for number in range(400)}
    reason, text = refused(tar_of(deep))
    assert (reason, "MiB of memory" in text) == (Reason.CORPUS_TOO_LARGE, True)


def test_a_table_of_contents_of_the_largest_size_can_be_read() -> None:
    names = {f"{number:06d}": b"" for number in range(9_900)}
    assert len(manifest(zip_of(names))) == 9_900


def test_cancelling_from_another_thread_ends_a_read_that_waits(reader: Callable[[str], None]) -> None:
    reader("import time; time.sleep(600)")
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    with pytest.raises(DeliveryCancelledError):
        manifest(b"x", cancelled=cancelled)


def test_readers_are_started_by_a_path_that_exists() -> None:
    assert Path(module.READER[0]).exists()
