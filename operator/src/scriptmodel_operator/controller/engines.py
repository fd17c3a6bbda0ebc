"""Keeps an object on the engine that it is recorded on: nothing is made or deleted on another one."""

import asyncio
import math
import time
from dataclasses import dataclass, field

from scriptmodel_operator.api.identity import engine_of
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.engine.errors import OtherEngineError
from scriptmodel_operator.engine.gateway import Calls, Gateway
from scriptmodel_operator.kube.object_store import Store

ENGINE_SECONDS = 1.0
"""How long an answer about the engine is used; replacing one by another takes longer."""


@dataclass
class RecordedEngines:
    """The engine that answers, and the engines that objects are recorded on."""

    gateway: Gateway
    calls: Calls
    store: Store
    kind: str = ""
    """The kind of the engine, if that is known before it answers."""
    _present: tuple[float, str] = field(default=(-math.inf, ""), init=False)
    """When the engine was last read (monotonic seconds), and which it was."""
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @property
    def last(self) -> str:
        """The engine that answered last; before the first answer its kind alone, or nothing."""
        return self._present[1] or (f"{self.kind}/" if self.kind else "")

    async def present(self) -> str:
        """Return the engine that answers. Objects that arrive together share the answer of a second."""
        async with self._reading:
            if time.monotonic() - self._present[0] > ENGINE_SECONDS:
                self._present = (time.monotonic(), await self.calls.run(self.gateway.engine))
            return self._present[1]

    def check(self, model: ScriptModel, found: str) -> None:
        """Raise OtherEngineError if the object is recorded on another engine than that."""
        stored = self.store.get(model.key)
        recorded = engine_of(stored.raw) if stored is not None else model.engine
        if recorded not in ("", found):
            raise OtherEngineError(recorded, found)
