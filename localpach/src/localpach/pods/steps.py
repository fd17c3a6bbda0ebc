"""The two steps of a worker's pod that are not the user's: fetching the inputs, uploading the output.

They run in containers of their own, before and after the command. They alone have the token of the attempt. When the
server is away they wait: a training of hours must not be lost because of a restart.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc

from localpach.pods.frames import BOUNDED_READING, PIECE, BrokenTransferError, File, receive, send

PFS = Path("/pfs")
OUTPUT = "out"
TOKEN = Path("/localpach/token")
ADDRESS = "LOCALPACH_TRANSFER"
MESSAGE = Path("/dev/termination-log")
SERVICE = "localpach.Transfer"
PATIENCE_SECONDS = 6 * 3600.0
"""How long a step waits for a server that does not answer."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 15.0
MAX_MESSAGE = 2 * PIECE
DEEPEST = 100
TEMPORARY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED)


class StepError(Exception):
    """An error that another attempt of the step cannot mend."""


def main() -> None:
    """Run the step that the command line names; the last words of a failed one are the container's message."""
    step = {"fetch": fetch, "upload": upload}[sys.argv[1]]
    try:
        _patiently(step)
    except (StepError, OSError) as error:
        text = str(error) if isinstance(error, StepError) else f"{error.strerror}: {error.filename}"
        print(f"localpach: {text}", file=sys.stderr)
        MESSAGE.write_text(text[:4096], encoding="utf-8")
        sys.exit(1)


def fetch(channel: grpc.Channel, token: str, pfs: Path = PFS) -> None:
    """Write the inputs of the datum below `/pfs`."""
    (pfs / OUTPUT).mkdir(exist_ok=True)
    call = channel.unary_stream(f"/{SERVICE}/Fetch", None, None)
    receive(iter(call(b"", metadata=(("authorization", token),))), lambda path: _writer(pfs, path))


def upload(channel: grpc.Channel, token: str, pfs: Path = PFS) -> None:
    """Send all files below `/pfs/out`. It ends when the server has committed them."""
    call = channel.stream_unary(f"/{SERVICE}/Upload", None, None)
    failures: list[StepError] = []

    def frames() -> Iterator[bytes]:
        try:
            yield from send(output_files(pfs))
        except StepError as error:  # raised in gRPC's thread, which would only report a cancelled call
            failures.append(error)
            raise

    try:
        call(frames(), metadata=(("authorization", token),))
    except grpc.RpcError:
        if failures:
            raise failures[0] from None
        raise


def output_files(pfs: Path) -> Iterator[File]:
    """Yield the files of the output folder. Raises StepError for a link that leads out of `/pfs`."""
    yield from _files(pfs.resolve(), pfs / OUTPUT, "/", depth=0)


def _patiently(step: Callable[[grpc.Channel, str], None]) -> None:
    address, token = os.environ[ADDRESS], TOKEN.read_text(encoding="ascii").strip()
    end, wait = time.monotonic() + PATIENCE_SECONDS, FIRST_WAIT_SECONDS
    while True:
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.keepalive_time_ms", 30_000),
            *BOUNDED_READING,
        ]
        try:
            with grpc.insecure_channel(address, options=options) as channel:
                step(channel, token)
                return
        except BrokenTransferError as error:
            problem = str(error)
        except grpc.RpcError as error:
            problem = f"{error.code().name}: {error.details()}"
            if error.code() not in TEMPORARY:
                raise StepError(str(error.details())) from None
        if time.monotonic() + wait > end:
            raise StepError(f"no connection to {address} for {PATIENCE_SECONDS:.0f} s: {problem}")
        print(f"localpach: {problem}; trying again in {wait:.1f} s", file=sys.stderr)
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


@contextmanager
def _writer(pfs: Path, path: str) -> Iterator[Callable[[bytes], object]]:
    target = pfs / path.lstrip("/")
    if ".." in target.parts:
        raise StepError(f"{path} leads out of /pfs")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            yield file.write
    except OSError as error:
        raise StepError(f"{error.strerror}, rename it in its repo: /pfs{path}") from None


def _files(pfs: Path, folder: Path, below: str, depth: int) -> Iterator[File]:
    if depth > DEEPEST:
        raise StepError(f"cannot upload {below}: its links form a loop")
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        name = below + entry.name
        path = _resolved(pfs, Path(entry.path), name) if entry.is_symlink() else Path(entry.path)
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            yield from _files(pfs, path, name + "/", depth + 1)
        elif stat.S_ISREG(kind):
            yield _checked(name), _pieces(path)


def _resolved(pfs: Path, link: Path, name: str) -> Path:
    try:
        path = link.resolve(strict=True)
    except (OSError, RuntimeError):
        raise StepError(f"cannot upload {name}: broken link") from None
    if not path.is_relative_to(pfs):
        raise StepError(f"cannot upload {name}: the link leads to {path}, out of /pfs; copy the file instead")
    return path


def _checked(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        printable = os.fsencode(name).decode(errors="backslashreplace")
        raise StepError(
            "cannot upload file produced by the user code because its name cannot be represented in PFS: "
            f"path ({printable}) is not UTF-8"
        ) from None
    return name


def _pieces(path: Path) -> Iterator[bytes]:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123  # a descriptor
        while piece := file.read(PIECE):
            yield piece


if __name__ == "__main__":
    main()
