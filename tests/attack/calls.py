"""Malformed calls to localpach: random messages, plausible names, odd bytes.

Each case starts its own server on loopback and makes about two hundred calls. No call may be answered with INTERNAL or
leave a traceback in the log, and the server must still answer at the end and after a restart.
"""

import inspect
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import MessageFactory
from python_pachyderm.proto.v2.admin import admin_pb2 as admin
from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
from python_pachyderm.proto.v2.pps import pps_pb2 as pps
from python_pachyderm.proto.v2.transaction import transaction_pb2 as transaction

from localpach.api.cluster import AdminService, TransactionService
from localpach.api.interceptor import GENERATED
from localpach.api.pfs_service import PfsService
from localpach.api.pps_service import PpsService
from localpach.unsupported import UNSUPPORTED
from tests.attack.runner import FindingError, main
from tests.contract.serving import Localpach, start
from tests.unit.localpach.client import Client

CALLS = 200
DEADLINE_SECONDS = 1.0
SERVICES = [module.DESCRIPTOR.services_by_name["API"] for module in (admin, pfs, pps, transaction)]
ANSWERED = {
    name
    for service in (AdminService, PfsService, PpsService, TransactionService)
    for name, call in inspect.getmembers(service, inspect.isfunction)
    if not call.__qualname__.startswith(GENERATED)
}
METHODS: list[MethodDescriptor] = [each for service in SERVICES for each in service.methods if each.name in ANSWERED]
REFUSED = {name for names in UNSUPPORTED.values() for name in names}
"""Fields with which a call gets no further than the first check."""
NAMES = ["", "a", "b", "corpus", "train", "master", "default", "user", "spec", "meta", "x" * 70, "A_b-9"]
ODD = [
    "/",
    "//",
    "..",
    "/a/../../b",
    "^",
    "^^9",
    "master^1",
    "\0",
    "\x1b[2J",
    "é",
    "\U0001f600",
    "{{",
    "[",
    "**/a",
    "%s",
]
# What a field of this name holds in a call that gets far; other values get no further than the first check.
PLAUSIBLE: dict[str, list[Any]] = {
    "Project.name": ["default", ""],
    "Repo.name": ["corpus", "corpus", "train"],
    "Pipeline.name": ["train", "train", "new"],
    "Branch.name": ["master", "master", "b"],
    "PFSInput.name": ["in"],
    "repo": ["corpus", "train"],
    "type": ["user"],
    "project": ["default"],
    "branch": ["master"],
    "path": ["/", "/a.txt", "/new"],
    "glob": ["/", "/*"],
    "id": [""],
    "cmd": ["true"],
}
IDS = ["0" * 32, "f" * 31, "not-an-id", "b5f8c3ae3a4e4f7e9d3b0c1f2a4d5e6f"]
NUMBERS = [0, 1, 2, -1, 7, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**32 - 1, 2**64 - 1]
FLOATS = [0.0, 1.0, -1.0, 1e-320, 1e38, float("inf"), float("-inf"), float("nan")]
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_FACTORY = MessageFactory()


def attack(_: int, chance: random.Random) -> str:
    """Make calls to one server; the outcome is the most frequent status of its refusals."""
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        root = Path(folder) / "root"
        server = start(root, "--settle", "0")
        try:
            statuses = _calls(server, chance)
            if server.process.poll() is not None:
                raise FindingError(f"the server ended: {server.log()[-2000:]}")
        finally:
            server.end()
        _expect_clean(server)
        again = start(root)
        again.end()
        _expect_clean(again)
    return f"answers: {', '.join(name for name, _ in statuses.most_common(3))}"


def _calls(server: Localpach, chance: random.Random) -> Counter[str]:
    statuses: Counter[str] = Counter()
    client = Client(server.address)
    client.create_repo("corpus")
    client.put("corpus", {"/a.txt": b"alpha\n"})
    client.create_pipeline("train", ["cp", "/pfs/in/a.txt", "/pfs/out/"], "corpus", datum_tries=1)
    with server.channel() as channel:
        for _ in range(CALLS):
            method = chance.choice(METHODS)
            requests = [_message(method.input_type, chance, depth=0) for _ in range(chance.randint(1, 4))]
            status, details = _call(channel, method, requests)
            if status is grpc.StatusCode.INTERNAL:
                raise FindingError(f"{method.full_name} answers INTERNAL {details} to {requests!r}")
            statuses[status.name] += 1
    return statuses


def _call(channel: grpc.Channel, method: MethodDescriptor, requests: list[Message]) -> tuple[grpc.StatusCode, str]:
    path = f"/{method.containing_service.full_name}/{method.name}"
    # The library's descriptors do not say what streams; the stub's kind is taken from the generated code's convention.
    streams = method.name in ("ModifyFile", "CreateFileSet", "PutCache", "ActivateAuth")
    answers = method.output_type
    serialize = requests[0].__class__.SerializeToString
    try:
        if streams:
            call = channel.stream_stream(path, serialize, _reader(answers))(iter(requests), timeout=DEADLINE_SECONDS)
        else:
            call = channel.unary_stream(path, serialize, _reader(answers))(requests[0], timeout=DEADLINE_SECONDS)
        for count, _ in enumerate(call):
            if count > 100:
                call.cancel()
                break
    except grpc.RpcError as error:
        return error.code(), error.details()  # type: ignore[attr-defined]  # what every call's error has
    return grpc.StatusCode.OK, ""


def _reader(descriptor: Descriptor) -> Any:
    return _FACTORY.GetPrototype(descriptor).FromString


def _message(descriptor: Descriptor, chance: random.Random, depth: int) -> Message:
    message = _FACTORY.GetPrototype(descriptor)()
    for field in descriptor.fields:
        likely = 0.02 if field.name in REFUSED else 0.6 if depth < 3 else 0.2
        if chance.random() < likely:
            _fill(message, field, chance, depth)
    return message


def _fill(message: Message, field: FieldDescriptor, chance: random.Random, depth: int) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
        target = getattr(message, field.name)
        if value.message_type is None:
            target[_scalar(key, chance)] = _scalar(value, chance)
        else:
            target[_scalar(key, chance)].CopyFrom(_message(value.message_type, chance, depth + 1))
        return
    repeated = field.label == FieldDescriptor.LABEL_REPEATED
    values = list(_values(field, chance, depth, chance.randint(1, 3) if repeated else 1))
    if repeated:
        getattr(message, field.name).extend(values)
    elif field.message_type is not None and values:
        getattr(message, field.name).CopyFrom(values[0])
    elif values:
        setattr(message, field.name, values[0])


def _values(field: FieldDescriptor, chance: random.Random, depth: int, count: int) -> Iterator[Any]:
    for _ in range(count):
        if field.message_type is None:
            yield _scalar(field, chance)
        elif depth < 6:
            yield _message(field.message_type, chance, depth + 1)


def _scalar(field: FieldDescriptor, chance: random.Random) -> Any:
    kind = field.cpp_type
    plausible = PLAUSIBLE.get(f"{field.containing_type.name}.{field.name}") or PLAUSIBLE.get(field.name)
    if plausible and kind == FieldDescriptor.CPPTYPE_STRING and chance.random() < 0.9:
        return chance.choice(plausible)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return chance.choice([value.number for value in field.enum_type.values] + [99])
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return chance.choice(FLOATS)
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = chance.choice(chance.choice([NAMES, NAMES, ODD, IDS]))
        # No call may reach beyond this machine: a URL among the strings could.
        return text if field.type == FieldDescriptor.TYPE_STRING else text.encode()
    lowest, highest = _RANGES[kind]
    return chance.choice([number for number in NUMBERS if lowest <= number <= highest])


def _expect_clean(server: Localpach) -> None:
    log = server.log()
    if "Traceback" in log:
        raise FindingError(f"the log holds a traceback: {log[log.index('Traceback') - 300 :][:3000]}")


if __name__ == "__main__":
    sys.exit(main(attack))
