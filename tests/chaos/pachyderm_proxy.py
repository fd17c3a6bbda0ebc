"""A proxy in front of a Pachyderm server that injects faults into calls. It does not decode messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from tests.chaos.faults import DELAY_SECONDS, Calls, Kind

_CODES = {
    "UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "DEADLINE_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
    "UNKNOWN": grpc.StatusCode.UNKNOWN,
}
MAX_MESSAGE = [("grpc.max_receive_message_length", 1 << 25), ("grpc.max_send_message_length", 1 << 25)]


class PachydermProxy(grpc.GenericRpcHandler):
    """`address` is where it listens once it is entered."""

    def __init__(self, target: str, calls: Calls) -> None:
        self._target = target
        self._calls = calls
        self.address = ""

    async def __aenter__(self) -> PachydermProxy:
        self._channel = grpc.aio.insecure_channel(self._target, options=MAX_MESSAGE)
        self._server = grpc.aio.server(options=MAX_MESSAGE)
        self._server.add_generic_rpc_handlers([self])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._server.stop(grace=None)
        await self._channel.close()

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        async def pass_on(requests: AsyncIterator[bytes], context: Any) -> None:
            await self.pass_on(details, requests, context)

        return grpc.stream_stream_rpc_method_handler(pass_on)

    async def pass_on(self, details: grpc.HandlerCallDetails, requests: AsyncIterator[bytes], context: Any) -> None:
        kind = self._calls.arrive("pachyderm", details.method.rpartition("/")[2])
        if kind is Kind.DELAY:
            await asyncio.sleep(DELAY_SECONDS)
        if kind and kind.before:
            await self._spoil(kind, context)
        call = self._channel.stream_stream(details.method)(
            _first(requests) if kind is Kind.CUT else requests, metadata=_passed_on(details.invocation_metadata)
        )
        try:
            held = []
            async for message in call:
                if kind is Kind.CUT:
                    await context.write(message)
                    call.cancel()
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "injected: cut")
                held.append(message)
                if kind is None:
                    await context.write(held.pop())
            if kind and kind is not Kind.DELAY:
                await self._spoil(kind, context)
            for message in held:
                await context.write(message)
        except grpc.aio.AioRpcError as error:
            if kind and kind is not Kind.DELAY:
                await self._spoil(kind, context)
            await context.abort(error.code(), error.details() or "", error.trailing_metadata() or ())
        finally:
            call.cancel()

    async def _spoil(self, kind: Kind, context: Any) -> None:
        if kind.kills:
            self._calls.kill()
        code = _CODES.get(kind.value.split()[0], grpc.StatusCode.UNAVAILABLE)
        await context.abort(code, f"injected: {kind.value}")


async def _first(requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Only the first of several requests; then the stream breaks off."""
    first = True
    async for request in requests:
        if not first:
            raise ConnectionResetError("injected: cut")
        yield request
        first = False


def _passed_on(metadata: Any) -> list[tuple[str, str]]:
    own = ("user-agent", "grpc-", "te", "content-type")
    return [(key, value) for key, value in metadata or () if not key.startswith(own)]
