"""A stub of pachd that is no bottleneck: pipelines, their jobs and commits in memory, requests counted by method.

    python -m dev.bench.operator.stub ADDRESS

Messages stay as they are on the wire: a CreatePipelineRequest becomes a PipelineInfo by giving its fields other
numbers. Each version of a pipeline has one job, which waits for a worker. `/bench/Stats` has the counts.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

import grpc

from dev.bench.operator.wire import field, fields, first
from scriptmodel_operator.api.marks import naming

_SPEC = {3: 1, 4: 3, 7: 9, 9: 10, 10: 11, 12: 13, 13: 14, 23: 24, 24: 25, 26: 27, 28: 29, 29: 30, 30: 33, 34: 34}
"""Numbers of a CreatePipelineRequest's fields in PipelineInfo.Details."""
_RUNNING, _JOB_CREATED = 2, 1
_USER = "user"
_PROJECT = field(1, "default")


@dataclass
class Pipeline:
    """The newest version: its message, the job that it caused, and the repo that it reads."""

    message: bytes
    version: int
    input_repo: bytes
    job: str = default(default_factory=lambda: uuid.uuid4().hex)
    began: int = default(default_factory=lambda: int(time.time()))


@dataclass
class Stub:
    """All state, behind one lock."""

    corpus: str = "plays"
    reader: str = "bench"
    """The namespace that reads it."""
    calls: Counter[str] = default(default_factory=Counter)
    pipelines: dict[bytes, Pipeline] = default(default_factory=dict)
    """By the message that names them."""
    _transactions: dict[str, list[bytes]] = default(default_factory=dict)
    _lock: threading.Lock = default(default_factory=threading.Lock)
    _commit: str = default(default_factory=lambda: uuid.uuid4().hex)

    # --- transactions

    def start(self, _request: bytes, _context: grpc.ServicerContext) -> bytes:
        name = uuid.uuid4().hex
        self._transactions[name] = []
        return field(1, name)

    def create(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        metadata: dict[str, Any] = {each.key: each.value for each in context.invocation_metadata()}
        self._transactions[str(metadata["pach-transaction"])].append(request)
        return b""

    def finish(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        name = first(first(request, 1), 1)
        with self._lock:
            for each in self._transactions.pop(name.decode()):
                self._write(each)
        return field(1, field(1, name))

    def _write(self, request: bytes) -> None:
        found = list(fields(request))
        key = next(value for number, value in found if number == 1)
        assert isinstance(key, bytes)
        known = self.pipelines.get(key)
        version = known.version + 1 if known else 1
        details = b"".join(field(_SPEC[number], value) for number, value in found if number in _SPEC)
        head = field(1, key) + field(2, version) + field(5, _RUNNING)
        now = field(1, int(time.time()))
        message = head + field(12, details + field(5, now))
        self.pipelines[key] = Pipeline(message, version, first(first(first(request, 12), 1), 2))

    # --- lists

    def list_projects(self, _request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        yield field(1, _PROJECT)

    def list_repos(self, _request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        yield field(1, _repo(self.corpus.encode())) + field(4, naming(self.reader).encode())
        for key in list(self.pipelines):
            yield field(1, _repo(first(key, 1)))

    def list_pipelines(self, request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        only = first(request, 1)
        for key, found in list(self.pipelines.items()):
            if not only or key == only:
                yield found.message

    def list_jobs(self, request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        only = first(request, 1)
        limit = next((value for number, value in fields(request) if number == 9), 0)
        found = [(key, each) for key, each in list(self.pipelines.items()) if not only or key == only]
        assert isinstance(limit, int)
        for key, each in found[: limit or None]:
            yield self._job(key, each)

    def _job(self, key: bytes, each: Pipeline) -> bytes:
        when = field(1, each.began)
        message = field(1, field(1, key) + field(2, each.job)) + field(2, each.version) + field(13, when)
        return message + field(11, _JOB_CREATED)

    # --- commits and files

    def branch(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        branch = first(request, 1)
        repo = first(branch, 1)
        head = field(1, branch) + field(2, self._commit) + field(3, repo)
        return field(1, branch) + field(2, head)

    def commit(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        named = first(request, 1)
        repo, ident = first(named, 3), first(named, 2)
        source = self._source(repo)
        if source is None:
            return field(1, named) + field(8, field(1, 1)) + field(11, 1000)
        commit = field(2, source[1]) + field(3, _repo(source[0]))
        return field(1, field(2, ident) + field(3, repo)) + field(13, commit)

    def _source(self, repo: bytes) -> tuple[bytes, str] | None:
        """The repo and commit that a pipeline's output was made from; None for the corpus."""
        found = self.pipelines.get(_pipeline(first(repo, 1)))
        if found is None:
            return None
        above = self.pipelines.get(_pipeline(found.input_repo))
        return found.input_repo, above.job if above else self._commit

    # --- what only the bench asks

    def stats(self, _request: bytes, _context: grpc.ServicerContext) -> bytes:
        return json.dumps(self.calls).encode()


def _repo(name: bytes) -> bytes:
    return field(1, name) + field(2, _USER) + field(3, _PROJECT)


def _pipeline(name: bytes) -> bytes:
    return field(1, name) + field(2, _PROJECT)


class Service(grpc.GenericRpcHandler):
    """Finds the method of a request, and counts it."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        one, many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        self._methods: dict[str, Any] = {
            "InspectCluster": one(lambda _request, _context: b""),
            "GetVersion": one(lambda _request, _context: field(1, 2) + field(2, 7) + field(3, 8)),
            "BatchTransaction": one(lambda _request, _context: field(4, field(1, int(time.time())))),
            "StartTransaction": one(stub.start),
            "CreatePipeline": one(stub.create),
            "FinishTransaction": one(stub.finish),
            "ListProject": many(stub.list_projects),
            "ListRepo": many(stub.list_repos),
            "ListPipeline": many(stub.list_pipelines),
            "ListJob": many(stub.list_jobs),
            "InspectBranch": one(stub.branch),
            "InspectCommit": one(stub.commit),
            "Stats": one(stub.stats),
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        service, _, method = handler_call_details.method.rpartition("/")
        if service != "/bench":
            self._stub.calls[method] += 1
        return self._methods.get(method)


def serve(address: str, ready: Callable[[], None] = lambda: None) -> None:
    """Until the process is ended."""
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((Service(Stub()),))
    if not server.add_insecure_port(address):
        raise SystemExit(f"cannot listen on {address}")
    server.start()
    ready()
    server.wait_for_termination()


if __name__ == "__main__":
    serve(sys.argv[1])
