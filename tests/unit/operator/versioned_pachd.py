"""A pachd of any version that records its calls."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from python_pachyderm.proto.v2.version.versionpb import version_pb2

from scriptmodel_operator.pachyderm.protocol import transaction
from scriptmodel_operator.pachyderm.versions import ServerVersion


def version_of(text: str) -> ServerVersion:
    """Return the version that a server has under this name."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(.*)", text)
    assert found
    return ServerVersion(int(found[1]), int(found[2]), int(found[3]), found[4])


Pair = tuple[bytes, bytes]
"""A private key and its certificate."""


@dataclass
class Pachd(grpc.GenericRpcHandler):
    """A server of one version. `calls` has method and bytes of each request."""

    version: str = "2.7.8"
    away: bool = False
    answers: dict[str, bytes] = field(default_factory=dict)
    calls: list[tuple[str, bytes]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    """What each request for its version was sent with."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Answer every method, a list by nothing."""
        method = handler_call_details.method.rpartition("/")[2]
        if method in ("ListPipeline", "ListProject"):
            return grpc.unary_stream_rpc_method_handler(lambda request, _context: iter(self._answer(method, request)))
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._one(method, request, context))

    def _one(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        if self.away:
            context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        if method == "GetVersion":
            self.tokens.append(str(dict(context.invocation_metadata()).get("authn-token", "")))
        return b"".join(self._answer(method, request))

    def _answer(self, method: str, request: bytes) -> list[bytes]:
        self.calls.append((method, request))
        if method == "GetVersion":
            found = version_of(self.version)
            version = version_pb2.Version(
                major=found.major, minor=found.minor, micro=found.micro, additional=found.suffix
            )
            return [version.SerializeToString()]
        if method == "StartTransaction":
            return [transaction.Transaction(id="tx").SerializeToString()]
        return [self.answers[method]] if method in self.answers else []

    @property
    def methods(self) -> list[str]:
        return [method for method, _request in self.calls]

    def request(self, method: str) -> bytes:
        """The only request of that method."""
        (found,) = (request for each, request in self.calls if each == method)
        return found


@contextmanager
def serving(pachd: Pachd, pair: Pair | None = None, port: int = 0, target: str = "") -> Iterator[str]:
    """With a key and a certificate, over TLS."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((pachd,))
    address = target or f"127.0.0.1:{port}"
    if pair:
        bound = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        bound = server.add_insecure_port(address)
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        server.stop(None).wait()


@contextmanager
def pachd(pair: Pair | None = None, port: int = 0, target: str = "") -> Iterator[tuple[str, Pachd]]:
    with serving(found := Pachd(), pair, port, target) as address:
        yield address, found


class Refusal(grpc.RpcError):
    """Return the error as gRPC raises it."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__()
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details


REFUSED_BY_STORAGE = (
    'blob (key "chunk/bdf3.0000000000000336") (code=Unknown): open /pach/chunk/bdf3.0000000000000336.18eb.tmp: '
    "permission denied"
)
"""As pachd 2.12 reported it when its workers could not write into its storage."""
