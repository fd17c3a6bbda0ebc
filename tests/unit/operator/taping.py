"""Records what a controller calls and writes, in order: one line a call, without times and with short names for ids.

Equal reads between two other lines are one line, as of polls that show nothing new. Of a status and of a pipeline there
are the fields that are not as in the one before.
"""

import difflib
import hashlib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.values import Copies, PipelineApply
from scriptmodel_operator.kube.errors import KubeError
from scriptmodel_operator.pachyderm.messages import create_request
from scriptmodel_operator.pachyderm.pipeline_json import request_json
from tests.unit.operator.fake_pachyderm import FakeLog, FakePachyderm
from tests.unit.operator.pachyderm_state import EPOCH

READS = ("list_", "read_", "walk_", "inspect_", "get_", "branch_head", "file_size", "engine", "server_")
ID = re.compile(r"\b(0000[0-9a-f]{4})(?:0{24})?\b")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)|(?<='resourceVersion': )'\d+'")


@dataclass
class Tape:
    """The lines of a recording, and the faults of the calls that come next."""

    lines: list[str] = field(default_factory=list)
    pachyderm: FakePachyderm = field(default_factory=FakePachyderm)
    """The fake of the newest controller, whose time is that of all."""
    faults: list[tuple[str, Exception, bool]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """Lines to be written once nothing is called: events are sent in the background."""
    _reads: set[str] = field(default_factory=set)
    _known: dict[str, dict[str, str]] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)

    def monotonic(self) -> float:
        return 1000 + (self.pachyderm.now - EPOCH).total_seconds()

    def over(self, fake: Any) -> Any:
        """Return the fake of a new controller so that its calls are recorded."""
        if isinstance(fake, FakePachyderm):
            fake.now, self.pachyderm = EPOCH, fake
            self._known.pop("status", None)
        return _Taped(fake, self)

    def fail(self, call: str, *errors: Exception, after: bool = False) -> None:
        """Let the next calls of a method fail, before or `after` they took effect."""
        self.faults += [(call, error, after) for error in errors]

    def write(self, line: str, fields: Sequence[str] = ()) -> None:
        if line.lstrip().startswith(READS) and line in self._reads:
            return
        self._reads = {*self._reads, line} if line.lstrip().startswith(READS) else set()
        for each in (line, *(f"      {each}" for each in fields)):
            text = MOMENT.sub("<varies>", each.rstrip())
            self.lines.append(ID.sub(lambda found: self._ids.setdefault(found[1], f"<id {len(self._ids) + 1}>"), text))

    @contextmanager
    def call(self, name: str, arguments: Sequence[Any]) -> Iterator[None]:
        ended = ""
        try:
            self._break(name, after=False)
            yield
            self._break(name, after=True)
        except (EngineError, KubeError) as error:
            ended = f" -> {type(error).__name__}"
            raise
        finally:
            self._record(name, arguments, ended)

    def _break(self, name: str, *, after: bool) -> None:
        fault = next((each for each in self.faults if each[0] == name), None)
        if fault is not None and fault[2] == after:
            self.faults.remove(fault)
            raise fault[1]

    def _record(self, name: str, arguments: Sequence[Any], ended: str) -> None:
        if name == "create_event":
            body = arguments[-1]
            self.events += [] if ended else [f"  event {body['type']} {body['reason']}: {body['message']}"]
        elif name == "replace_status":
            if (fields := [] if ended else self._changed("status", arguments[-1])) or ended:
                self.write(f"  {name}{ended}", fields)
        else:
            applied = arguments[0] if name == "apply_pipelines" else ()
            requests = [(each.spec.ref.name, json.loads(request_json(create_request(each)))) for each in applied]
            fields = [line for ref, request in requests for line in self._changed(ref.rpartition("-")[2], request)]
            self.write(f"  {name}({', '.join(map(_short, arguments))}){ended}", fields)

    def _changed(self, what: str, content: Any) -> list[str]:
        before, now = self._known.get(what, {}), _fields(content, what)
        self._known[what] = now
        changed = [f"{path}: {text}" for path, text in now.items() if before.get(path) != text]
        return changed + [f"{path} is removed" for path in before if path not in now]


@dataclass
class _Taped:
    _fake: Any
    _tape: Tape

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real, tape = getattr(self._fake, name), self._tape
        if name == "settle":  # no call
            return lambda *_given: self
        if name == "fetch_files":  # its calls for each file are recorded
            return partial(FakePachyderm.fetch_files, self)

        async def awaited(*args: Any) -> Any:
            with tape.call(name, args):
                return await real(*args)

        def called(*given: Any, **named: Any) -> Any:
            if named.get("follow"):
                return FakeLog([])  # the follower's thread reads at any time; a test has logs read in its own
            args = [list(each) if isinstance(each, Iterator) else each for each in given]
            if not name.startswith(READS):
                tape.pachyderm.advance(1)
            with tape.call(name, [*args, *(f"{key}={_short(each)}" for key, each in named.items())]):
                return real(*args, **named)

        return awaited if inspect.iscoroutinefunction(real) else called


def _short(value: Any) -> str:
    match value:
        case PipelineApply():
            return f"{'update' if value.update else 'create'} {value.spec.ref}{' reprocess' if value.reprocess else ''}"
        case Copies():
            return f"{value.repo}@{value.commit}:{_short(value.paths)}"
        case bytes():
            return hashlib.sha256(value).hexdigest()[:8]
        case list() | tuple():
            return f"[{' '.join(map(_short, value))}]"
    return "-" if callable(value) else str(value)


def _fields(value: Any, path: str) -> dict[str, str]:
    """Return the text of each field by its path, without those that are empty; a condition is one field."""
    if isinstance(value, Mapping) and "lastTransitionTime" in value:
        return {path: "{status} {reason} of generation {observedGeneration}: {message}".format_map(value)}
    items: Any = value.items() if isinstance(value, Mapping) else ()
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        items = ((each.get("type", number), each) for number, each in enumerate(value))
    if value in (None, "", False, [], {}) or items:
        return {key: text for name, each in items for key, text in _fields(each, f"{path}.{name}").items()}
    return {path: MOMENT.sub("<varies>", json.dumps(value, ensure_ascii=False))}


def first_difference(known: Sequence[str], lines: Sequence[str], around: int = 12) -> str:
    """Return the title of the part and the first lines that are not as recorded; empty if all are."""
    if known == lines:
        return ""
    same = next(
        (at for at, (a, b) in enumerate(zip(known, lines, strict=False)) if a != b), min(len(known), len(lines))
    )
    title = next((line for line in reversed(lines[:same]) if line and not line.startswith(" ")), "")
    shown = slice(max(0, same - around), same + around)
    return "\n".join([title, *difflib.unified_diff(known[shown], lines[shown], "recorded", "now", lineterm="")])
