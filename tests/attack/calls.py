"""Malformed calls to localpach: the calls of the recordings with odd values, and with damaged bytes.

Each case starts its own server on loopback and makes the calls of one recording. No call may be answered with INTERNAL
or leave a traceback in the log, and the server must still answer at the end and after a restart.
"""

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format, symbol_database
from google.protobuf.message import DecodeError

from tests.attack.runner import FindingError, main
from tests.contract.replay import DEFAULT_VARIABLES, SERVICES, load, substitute
from tests.contract.serving import Localpach, start

RECORDINGS = sorted(Path("tests/contract/recordings").glob("*.yaml"))
STREAMS = ("ModifyFile", "CreateFileSet")
"""Calls whose request is a stream."""
DEADLINE_SECONDS = 1.0
ODD: list[Any] = [
    "",
    "/",
    "..",
    "/a/../../b",
    "^^9",
    "\0",
    "\x1b[2J",
    "é",
    "{{",
    "**/a",
    "%s",
    "x" * 70,
    "0" * 32,
    "f" * 31,
]
ODD += [0, -1, 2**31 - 1, -(2**63), 2**64 - 1, 1e-320, "Infinity", "NaN", True, [], {}]


def attack(_: int, chance: random.Random) -> str:
    """Make calls to one server; the outcome is the most frequent status of its answers."""
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        server = start(Path(folder) / "root", "--settle", "0")
        try:
            statuses = _calls(server, chance)
            if server.process.poll() is not None:
                raise FindingError(f"the server ended: {server.log()[-2000:]}")
        finally:
            server.end()
        start(server.root).end()
        log = server.log()
        if "Traceback" in log:
            raise FindingError(f"the log holds a traceback: {log[log.index('Traceback') - 300 :][:3000]}")
    return f"answers: {', '.join(name for name, _ in statuses.most_common(3))}"


def _calls(server: Localpach, chance: random.Random) -> Counter[str]:
    statuses: Counter[str] = Counter()
    variables = {**DEFAULT_VARIABLES, "prefix": "x-"}
    with server.channel() as channel:
        for step in load(chance.choice(RECORDINGS))["steps"]:
            given = substitute(step.get("request", {}), variables)
            for times in range(3 if "call" in step else 0):  # as recorded, and twice with damage
                requests = [*_messages(step["call"], given, chance if times else None)]
                status, details = _call(channel, step["call"], requests)
                if status is grpc.StatusCode.INTERNAL:
                    raise FindingError(f"{step['call']} answers INTERNAL {details} to {requests!r}")
                statuses[status.name] += 1
    return statuses


def _messages(call: str, given: Any, chance: random.Random | None) -> Iterator[bytes]:
    """Yield the requests of a call, damaged by chance; what would be no message is left out."""
    service, _, name = call.partition(".")
    method = SERVICES[service].DESCRIPTOR.services_by_name["API"].methods_by_name[name]
    message = symbol_database.Default().GetPrototype(method.input_type)
    for each in given if name in STREAMS else [given]:
        try:
            content = json_format.ParseDict(_changed(each, chance) if chance else each, message()).SerializeToString()
            if chance and content and chance.random() < 0.5:
                at = chance.randrange(len(content))
                content = content[:at] + chance.randbytes(1) + content[at + chance.choice([0, 1, 1, 9]) :]
            yield message.FromString(content).SerializeToString()
        except (json_format.Error, DecodeError, ValueError, TypeError, AttributeError):  # it does not check all forms
            continue


def _changed(value: Any, chance: random.Random) -> Any:
    """Return a request with an odd value somewhere."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.1:
        return chance.choice(ODD)
    key = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
    changed = value.copy()
    changed[key] = _changed(value[key], chance)
    return changed


def _call(channel: grpc.Channel, call: str, requests: list[bytes]) -> tuple[grpc.StatusCode, str]:
    service, _, name = call.partition(".")
    path = f"/{SERVICES[service].DESCRIPTOR.services_by_name['API'].full_name}/{name}"
    try:
        if name in STREAMS:
            answers = channel.stream_stream(path)(iter(requests), timeout=DEADLINE_SECONDS)
        else:
            answers = channel.unary_stream(path)(requests[0] if requests else b"", timeout=DEADLINE_SECONDS)
        for count, _ in enumerate(answers):
            if count > 100:
                answers.cancel()
                break
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


if __name__ == "__main__":
    sys.exit(main(attack))
