"""What a pod may try at the port of its steps, and what its command may leave for the upload to send.

A case either calls the port with a token that is missing, made up, of an ended attempt, or its own with frames that the
step would never send; or it fills `/pfs/out` with links, pipes and odd names. Nothing outside of the output may be
read or stored, no call may be answered with UNKNOWN or INTERNAL, and an honest upload must still succeed afterwards.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc

from localpach.pfs.paths import clean, validate
from localpach.pods import frames, steps
from localpach.pods.exchange import DatumExchange
from localpach.pods.transfer import Transfer, digest, new_token
from localpach.pps.datums import Datum
from localpach.store.contents import Contents
from tests.attack.runner import FindingError, main

DEADLINE_SECONDS = 20.0
SECRET = b"a secret of the node"
PATHS = [
    "",
    "/",
    "//",
    ".",
    "..",
    "/..",
    "/../etc/passwd",
    "/a/../../b",
    "a",
    "/a/./b",
    "/a//b",
    "/a/",
    "/\0",
    "/\n",
    "/é",
    "/*",
    "/" + "x" * 5000,
    "/" + "d/" * 2000,
]
REFUSED = {"UNAUTHENTICATED", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "UNKNOWN: cannot upload file"}
"""The beginnings of what the port may answer."""


@cache
def _server() -> Any:
    """Return a server of the port with a store, for all cases."""
    root = Path(tempfile.mkdtemp(prefix="transfer-"))
    transfer = Transfer("127.0.0.1:0", lambda _token: False)
    transfer.start()
    return SimpleNamespace(contents=Contents(root), transfer=transfer, address=f"127.0.0.1:{transfer.port}")


def attack(number: int, chance: random.Random) -> str:
    """Run one case; return its outcome."""
    return _calls(chance) if number % 2 else _output(chance)


def _calls(chance: random.Random) -> str:
    server, datum = _server(), Datum(())
    with server.contents.session() as session, grpc.insecure_channel(server.address) as channel:
        exchange, token = DatumExchange(session, datum, _no_input), new_token()
        server.transfer.register(digest(token), exchange)
        exchange.on_upload = exchange.acknowledge
        kind = chance.choice(["missing", "made up", "its digest", *["its own"] * 5])
        given = {"missing": "", "made up": secrets.token_urlsafe(32), "its digest": digest(token).hex()}
        answer = _upload(channel, given.get(kind, token), _hostile(chance))
        if kind != "its own" and not answer.startswith("UNAUTHENTICATED"):
            raise FindingError(f"a token that is {kind} was answered with {answer}")
        stored = [key.partition("\0")[0] for key in exchange.output.files]
        if answer == "OK":
            for path in stored:
                validate(path)
                if path != clean(path):
                    raise FindingError(f"stored as another path: {path!r}")
        elif stored or exchange.uploaded.is_set():
            raise FindingError(f"{answer}, and kept: {stored}")
        elif (honest := _upload(channel, token, frames.send([("/script", [b"text"])]))) != "OK":
            raise FindingError(f"an honest upload after {answer} was answered with {honest}")
        server.transfer.unregister(digest(token))
        if not (late := _upload(channel, token, iter([b"e0"]))).startswith("UNAUTHENTICATED"):
            raise FindingError(f"the token of an ended attempt was answered with {late}")
        return f"token {kind}: {answer.partition(':')[0]}"


def _no_input(_input: Any) -> Any:
    raise AssertionError("the datum has no input")


def _upload(channel: grpc.Channel, token: str, sent: Iterator[bytes]) -> str:
    """Return gRPC's code, and for a failure its words."""
    call = channel.stream_unary(f"/{steps.SERVICE}/Upload", None, None)
    try:
        call(sent, metadata=(("authorization", token),), timeout=DEADLINE_SECONDS)
    except grpc.RpcError as error:
        answer = f"{error.code().name}: {error.details()}"
        if not answer.startswith(tuple(REFUSED)):
            raise FindingError(f"answered with {answer}") from None
        return answer
    return "OK"


def _hostile(chance: random.Random) -> Iterator[bytes]:
    """Yield frames: those of some files, changed at random."""
    files = [(chance.choice(PATHS), [chance.randbytes(chance.randrange(100))]) for _ in range(chance.randrange(4))]
    for sent in frames.send(files):
        match chance.randrange(12):
            case 0:
                continue
            case 1:
                yield from (sent, sent)
            case 2:
                yield frames.PATH + chance.randbytes(30)
            case 3:
                yield chance.randbytes(chance.randrange(20))
            case 4:
                yield frames.DATA + bytes(3 * frames.PIECE)
            case 5:
                yield frames.END + b"99999999999999999999"
            case _:
                yield sent


def _output(chance: random.Random) -> str:
    """Let the upload read a hostile output folder."""
    with tempfile.TemporaryDirectory(prefix="pfs-") as folder:
        root = Path(folder)
        pfs, outside = root / "pfs", root / "outside"
        (pfs / "in").mkdir(parents=True)
        (pfs / "in" / "play").write_bytes(b"a play")
        (pfs / "out" / "deep").mkdir(parents=True)
        outside.mkdir()
        (outside / "secret").write_bytes(SECRET)
        for number in range(chance.randrange(1, 5)):
            _leave(chance, pfs / "out" / chance.choice(["", "deep"]) / f"{number}", pfs, outside)
        sent, outcome = bytearray(), "output: sent"
        try:
            for path, pieces in steps.output_files(pfs):
                if ".." in path.split("/"):
                    raise FindingError(f"sent as {path}")
                for piece in pieces:
                    sent += piece
        except (steps.StepError, OSError) as error:
            outcome = f"output: {type(error).__name__}"
        if SECRET in sent:
            raise FindingError("a file out of /pfs was sent")
        return outcome


def _leave(chance: random.Random, path: Path, pfs: Path, outside: Path) -> None:
    targets = [
        outside / "secret",
        outside,
        Path("../../outside/secret"),
        Path("../../../outside"),
        pfs / "in" / ".." / ".." / "outside" / "secret",
        Path("/proc/self/cwd"),
        Path("/proc/self/fd/0"),
        Path("/"),
        pfs / "in" / "play",
        pfs / "out",
        pfs / "in",
        path,
        Path("missing"),
    ]
    match chance.randrange(6):
        case 0:
            os.mkfifo(path)
        case 1:
            os.close(os.open(os.fsencode(path) + bytes([chance.randrange(128, 255)]), os.O_CREAT | os.O_WRONLY))
        case 2:
            path.mkdir()
            (path / "link").symlink_to(chance.choice(targets))
        case 3:
            chained = path.with_name(path.name + "-chained")
            chained.symlink_to(chance.choice(targets))
            path.symlink_to(chained)
        case _:
            path.symlink_to(chance.choice(targets))


if __name__ == "__main__":
    sys.exit(main(attack))
