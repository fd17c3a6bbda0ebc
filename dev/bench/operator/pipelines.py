"""Creates two pipelines of an object in one transaction, with the operator's four calls and nothing else."""

from __future__ import annotations

from typing import Any

import grpc

from dev.bench.operator.wire import field, first

_PROJECT = field(1, "default")
_COMMAND = "scriptmodel-trainer train --data /pfs/corpus --out /pfs/out --layout auto --preset small --log json"
_TRANSACTIONS, _PIPELINES = "/transaction_v2.API", "/pps_v2.API"


class Pachd:
    """A channel to pachd, or to its stub."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)

    async def create(self, name: str) -> None:
        """`train`, which reads the corpus, and `generate`, which reads what `train` writes."""
        started = await self._call(f"{_TRANSACTIONS}/StartTransaction", b"")
        transaction = ("pach-transaction", first(started, 1).decode())
        for kind, source in (("train", "plays"), ("generate", f"{name}-train")):
            await self._call(f"{_PIPELINES}/CreatePipeline", _request(f"{name}-{kind}", source), transaction)
        await self._call(f"{_TRANSACTIONS}/FinishTransaction", field(1, started))

    async def _call(self, method: str, request: bytes, *metadata: tuple[str, str]) -> bytes:
        answer: Any = await self._channel.unary_unary(method)(request, metadata=metadata, timeout=30)
        return bytes(answer)


def _request(name: str, source: str) -> bytes:
    """A CreatePipelineRequest with its pipeline, transform and input."""
    transform = field(1, "scriptmodel-trainer:0.1.0") + b"".join(field(2, word) for word in _COMMAND.split())
    repo = field(2, source) + field(3, "master") + field(5, "/") + field(13, "user") + field(14, "default")
    return field(1, field(1, name) + field(2, _PROJECT)) + field(3, transform) + field(12, field(1, repo))
