"""Replays a recording of the real server against another server and reports the differences.

A recording is a list of calls with the results of pachd 2.7.8. Variable parts of a result (ids, times, durations) are
placeholders: `$id1` and the like must have the same value wherever they occur, `$time` and `$duration` match any value.
"""

import base64
import copy
import difflib
import hashlib
import io
import re
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import yaml
from google.protobuf import descriptor_pb2, json_format, symbol_database
from python_pachyderm.proto.v2.admin import admin_pb2
from python_pachyderm.proto.v2.auth import auth_pb2
from python_pachyderm.proto.v2.enterprise import enterprise_pb2
from python_pachyderm.proto.v2.pfs import pfs_pb2
from python_pachyderm.proto.v2.pps import pps_pb2
from python_pachyderm.proto.v2.transaction import transaction_pb2
from python_pachyderm.proto.v2.version.versionpb import version_pb2

from localpach.pps.workers import STARTUP_SECONDS
from tests.contract.serving import open_channel

Json = Any

SERVICES = {
    "admin": admin_pb2,
    "auth": auth_pb2,
    "enterprise": enterprise_pb2,
    "pfs": pfs_pb2,
    "pps": pps_pb2,
    "transaction": transaction_pb2,
    "version": version_pb2,
}
DEFAULT_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
"""How long a busy machine may take where the recording does not count the time."""
DEFAULT_VARIABLES = {"image": "localhost/debian:1"}
SHORT_TEXT = 200
NUMBERED = {"hash": re.compile(r"\b[0-9a-f]{64}\b"), "id": re.compile(r"\b[0-9a-f]{32}\b")}
NUMBERED_KEYS = {"hash": "filehash", "salt": "salt"}
ANONYMOUS = {
    "$time": re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4} UTC|Z)?"),
    "$ip": re.compile(r"\b\d{1,3}(\.\d{1,3}){3}\b(:\d+)?"),
    "-v$n-$pod": re.compile(r"-v\d+-[a-z0-9]{5}\b"),
}
DURATION_KEYS = {"download_time", "process_time", "upload_time", "compacting_time", "validating_time"}
PLACEHOLDER = re.compile(r"\$(?:hash|id|filehash|salt)\d+|\$(?:time|ip|pod|n|duration)\b")


@cache
def load(path: Path) -> Json:
    """Load a recording, which callers must not change."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


@dataclass(frozen=True)
class Difference:
    """A step whose result is not the recorded one."""

    number: int
    step: Json
    seen: Json

    @property
    def name(self) -> str:
        """What the step is about."""
        return str(self.step.get("step", self.step["call"]))

    def __str__(self) -> str:
        lines = difflib.unified_diff(
            _text(self.step["result"]).splitlines(), _text(self.seen).splitlines(), "recorded", "seen", lineterm="", n=2
        )
        return "\n".join([f"step {self.number}: {self.name}", *lines])


def differences(address: str, recording: Json, prefix: str, given: Json) -> list[Difference]:
    """Replay a recording with some variables; return each step whose result differs."""
    steps = enumerate(Run(address, recording, given | {"prefix": prefix}).steps(), 1)
    return [Difference(n, step, seen) for n, (step, seen) in steps if seen is not None and seen != step["result"]]


class Run:
    """One replay of a recording."""

    def __init__(self, address: str, recording: Json, given: Json) -> None:
        self._caller = _Caller(address)
        self._recording = recording
        self._given = DEFAULT_VARIABLES | recording.get("vars", {}) | given
        self._variables = dict(self._given)
        self._names = _Names()
        self._sent = 0.0

    def steps(self) -> Iterator[tuple[Json, Json]]:
        """Yield each step with its result, None for a pause."""
        for step in self._recording["steps"]:
            if "sleep" in step:
                time.sleep(step["sleep"])  # the recording pauses here
                yield step, None
            else:
                yield step, self._play(step)

    def _play(self, step: Json) -> Json:
        before = self._sent
        result = self._poll(step) if "poll" in step else self._call(step)
        late = time.monotonic() - before > STARTUP_SECONDS
        if late and get(step["result"], "ok.last_job_state") == "JOB_CREATED" and get(result, "ok.last_job_state"):
            result["ok"]["last_job_state"] = "JOB_CREATED"  # it was, before the worker started
        for name, path in step.get("save", {}).items():
            self._variables[name] = get(result.get("ok"), path) or f"unset-{name}"
        if "ok" in result:
            if "pick" in step:
                many = isinstance(result["ok"], list)
                picked = [
                    {path: get(item, path) for path in step["pick"]}
                    for item in (result["ok"] if many else [result["ok"]])
                ]
                result["ok"] = picked if many else picked[0]
            for path in [*self._recording.get("ignore", []), *step.get("ignore", [])]:
                drop(result["ok"], path)
        result = _restore(result, self._given)
        self._names.learn(step.get("result"), result)
        return self._names.render(result)

    def _call(self, step: Json) -> Json:
        self._sent = time.monotonic()
        result = self._caller.call(
            step["call"],
            substitute(step.get("request", {}), self._variables),
            _deadline(step),
            substitute(step.get("transaction"), self._variables),
        )
        if isinstance(result.get("ok"), list):
            for path, expected in substitute(step.get("where", {}), self._variables).items():
                result["ok"] = [item for item in result["ok"] if get(item, path) == expected]
            if "sort" in step:
                result["ok"].sort(key=lambda item: str(get(item, step["sort"])))
        return result

    def _poll(self, step: Json) -> Json:
        poll = step["poll"]
        until = substitute(poll["until"], self._variables)
        seen: list[str] = []
        gap = 0.0
        end = time.monotonic() + max(float(poll.get("limit", 0)), PATIENCE_SECONDS)
        while True:
            before = self._sent
            result = self._call(step)
            gap = max(gap, time.monotonic() - before)
            value = get(result.get("ok"), until.get("path", ""))
            if "watch" in poll:
                state = str(result["error"]["code"] if "error" in result else get(result["ok"], poll["watch"]))
                if state not in poll.get("optional", []) and seen[-1:] != [state]:
                    seen.append(state)
            if "code" in until:
                done = result.get("error", {}).get("code") == until["code"]
            elif "count" in until:
                done = len(value or []) == until["count"]
            else:
                done = value in until["in"]
            if done or time.monotonic() > end:
                if "watch" in poll:
                    result["seen"] = with_missed(seen, step["result"].get("seen", []), result.get("ok", {}), gap)
                return result | ({} if done else {"gave_up": True})
            time.sleep(float(poll.get("interval", 0.5)))


def with_missed(seen: list[str], recorded: list[str], last: Json, gap: float) -> list[str]:
    """Return the states that polls have seen, completed with the recorded states that they can have missed.

    A job was running if it started before it finished: ``last``, the last answer, has both times. The polls of a
    pipeline can miss its start only if ``gap``, the longest time from one call to the answer of the next, is longer
    than the server keeps that state.
    """
    missed = {
        "JOB_RUNNING": get(last, "finished") not in (None, get(last, "started")),
        "PIPELINE_STARTING": gap > STARTUP_SECONDS,
    }
    if seen != [state for state in recorded if state in seen]:
        return seen
    return [state for state in recorded if state in seen or missed.get(state)]


def _deadline(step: Json) -> float:
    """Return the recorded deadline where it is the result, else one that a busy machine meets too."""
    recorded = float(step.get("deadline", DEFAULT_SECONDS))
    exceeded = get(step.get("result"), "error.code") == "DEADLINE_EXCEEDED"
    return recorded if exceeded else max(recorded, PATIENCE_SECONDS)


@cache
def _methods(service: str) -> dict[str, descriptor_pb2.MethodDescriptorProto]:
    """Return the methods of a service, which say what is a stream; to parse them takes milliseconds."""
    plain = descriptor_pb2.FileDescriptorProto.FromString(SERVICES[service].DESCRIPTOR.serialized_pb)
    return {method.name: method for each in plain.service if each.name == "API" for method in each.method}


class _Caller:
    """Makes calls that are given as JSON."""

    def __init__(self, address: str) -> None:
        self._channel = open_channel(address)

    def call(self, name: str, request: Json, seconds: float, transaction: str | None) -> Json:
        """`{"ok": result}` or `{"error": {"code", "message"}}`."""
        service, _, method_name = name.partition(".")
        method = SERVICES[service].DESCRIPTOR.services_by_name["API"].methods_by_name[method_name]
        shape = _methods(service)[method_name]
        classes = symbol_database.Default()
        input_class = classes.GetPrototype(method.input_type)
        output_class = classes.GetPrototype(method.output_type)
        kind = ("stream" if shape.client_streaming else "unary", "stream" if shape.server_streaming else "unary")
        stub = getattr(self._channel, "_".join(kind))(
            f"/{method.containing_service.full_name}/{method_name}",
            request_serializer=input_class.SerializeToString,
            response_deserializer=output_class.FromString,
        )
        given = request if kind[0] == "stream" else [request]
        messages = [json_format.ParseDict(each, input_class()) for each in given]
        outgoing = iter(messages) if kind[0] == "stream" else messages[0]
        try:
            answer = stub(
                outgoing, timeout=seconds, metadata=[("pach-transaction", transaction)] if transaction else None
            )
            if kind[1] == "unary":
                return {"ok": json_format.MessageToDict(answer, preserving_proto_field_name=True)}
            if method.output_type.full_name == "google.protobuf.BytesValue":
                content = b"".join(item.value for item in answer)
                return {"ok": _members(content) if method_name == "GetFileTAR" else _described(content)}
            return {"ok": [json_format.MessageToDict(item, preserving_proto_field_name=True) for item in answer]}
        except grpc.RpcError as error:
            code = error.code().name
            return {"error": {"code": code, "message": "" if code == "DEADLINE_EXCEEDED" else error.details()}}


class _Names:
    """The values of the placeholders of a recording."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def learn(self, recorded: Json, seen: Json) -> None:
        """Bind placeholders to the values at the same places; the first binding wins."""
        if isinstance(recorded, dict) and isinstance(seen, dict):
            for key in recorded.keys() & seen.keys():
                self.learn(recorded[key], seen[key])
        elif isinstance(recorded, list) and isinstance(seen, list):
            for left, right in zip(recorded, seen, strict=False):
                self.learn(left, right)
        elif isinstance(recorded, str) and isinstance(seen, str) and "$" in recorded:
            tokens = PLACEHOLDER.findall(recorded)
            pattern = "(.+?)".join(re.escape(part) for part in PLACEHOLDER.split(recorded))
            match = re.fullmatch(pattern, seen, re.DOTALL)
            for token, raw in zip(tokens, match.groups() if match else (), strict=False):
                if token[-1].isdigit() and token not in self._known.values():
                    self._known.setdefault(raw, token)

    def render(self, value: Json, key: str = "") -> Json:
        """Return a value with its variable parts replaced by placeholders."""
        key = key.rpartition(".")[2]
        if isinstance(value, dict):
            return {name: self.render(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.render(item, key) for item in value]
        if not isinstance(value, str):
            return value
        if key in NUMBERED_KEYS and value:
            return self._known.get(value, f"${NUMBERED_KEYS[key]}-unknown")
        if key in DURATION_KEYS:
            return "$duration"
        for placeholder, pattern in ANONYMOUS.items():
            value = pattern.sub(lambda _match, text=placeholder: text, value)
        for kind, pattern in NUMBERED.items():
            value = pattern.sub(lambda match, kind=kind: self._known.get(match[0], f"${kind}-unknown"), value)
        return value


def get(value: Json, path: str) -> Json:
    """Return the field at a dotted path; a number selects an item of a list, any other part maps over its items."""
    head, _, rest = path.partition(".")
    if not path:
        return value
    if isinstance(value, list):
        if not head.isdigit():
            return [get(item, path) for item in value]
        return get(value[int(head)], rest) if int(head) < len(value) else None
    return get(value.get(head), rest) if isinstance(value, dict) else None


def drop(value: Json, path: str) -> None:
    """Remove the field at a dotted path, in place; `**.key` at any depth."""
    if isinstance(value, list):
        for item in value:
            drop(item, path)
    elif isinstance(value, dict):
        head, _, rest = path.partition(".")
        if head == "**":
            value.pop(rest, None)
            for item in value.values():
                drop(item, path)
        elif rest:
            drop(value.get(head), rest)
        else:
            value.pop(head, None)


def substitute(value: Json, variables: dict[str, Json]) -> Json:
    """Fill in `${name}`, `{$text: ...}` (the bytes of a text) and `{$fill: n}` (n bytes, always the same)."""
    if isinstance(value, list):
        return [substitute(item, variables) for item in value]
    if isinstance(value, str):
        return _filled_in(value, variables)
    if not isinstance(value, dict):
        return value
    if "$text" in value:
        return base64.b64encode(substitute(value["$text"], variables).encode()).decode()
    if "$fill" in value:
        block = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(value["$fill"] // 32 + 1))
        return base64.b64encode(block[: value["$fill"]]).decode()
    return {substitute(key, variables): substitute(item, variables) for key, item in value.items()}


def _filled_in(text: str, variables: dict[str, Json]) -> Json:
    whole = re.fullmatch(r"\$\{(\w+)\}", text)
    if whole:
        return copy.deepcopy(variables.get(whole[1], f"unset-{whole[1]}"))
    return re.sub(r"\$\{(\w+)\}", lambda match: str(variables.get(match[1], f"unset-{match[1]}")), text)


def _restore(value: Json, variables: dict[str, Json]) -> Json:
    for name, known in variables.items():
        if (name == "image" or name.startswith("cmd_")) and value == known:
            return f"${{{name}}}"
    if isinstance(value, dict):
        return {_restore(key, variables): _restore(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_restore(item, variables) for item in value]
    return value.replace(str(variables["prefix"]), "${prefix}") if isinstance(value, str) else value


def _described(content: bytes) -> Json:
    found: dict[str, Json] = {"size": len(content), "sha256": "sha256:" + hashlib.sha256(content).hexdigest()[:16]}
    if len(content) <= SHORT_TEXT and all(32 <= byte < 127 or byte == 10 for byte in content):
        found["text"] = content.decode()
    return found


def _members(content: bytes) -> Json:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        found = [(member.name, archive.extractfile(member)) for member in archive.getmembers()]
        return [{"name": name} | (_described(file.read()) if file else {"type": "dir"}) for name, file in found]


def _text(value: Json) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=120, allow_unicode=True)
