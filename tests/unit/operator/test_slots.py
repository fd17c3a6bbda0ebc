"""Slots for downloads, in virtual time: who waits for whom."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from scriptmodel_operator.ingest.slots import Slots

HOUR = 3600.0


class Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # which one it is differs between systems
    """Does not wait for a timer but moves the time on to it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0.0
        return list(super().select(0))


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    selector = Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(test())


def now() -> float:
    return asyncio.get_running_loop().time()


async def download(slots: Slots, namespace: str, seconds: float) -> float:
    """The time at which it gets its slot."""
    async with slots.hold(namespace):
        started = now()
        await asyncio.sleep(seconds)
        return started


def test_a_tenant_with_slow_servers_delays_nobody_else() -> None:
    async def test() -> None:
        slots = Slots(4)
        slow = [asyncio.create_task(download(slots, "slow", HOUR)) for _ in range(8)]
        await asyncio.sleep(1)
        assert [await download(slots, "other", 1) for _ in range(3)] == [1, 2, 3]
        assert await asyncio.gather(*slow) == [0, 0, HOUR, HOUR, 2 * HOUR, 2 * HOUR, 3 * HOUR, 3 * HOUR]

    in_virtual_time(test)


def test_a_free_slot_goes_to_the_namespace_that_holds_the_fewest_and_then_in_order() -> None:
    async def test() -> None:
        slots = Slots(4)
        named = ("a", "a", "a", "b", "b", "c")
        tasks = [asyncio.create_task(download(slots, name, 10 + at)) for at, name in enumerate(named)]
        # a, a, b, b at first; c before the third of a.
        assert await asyncio.gather(*tasks) == [0, 0, 11, 0, 0, 10]

    in_virtual_time(test)


def test_who_gives_up_while_waiting_leaves_no_slot_taken() -> None:
    async def test() -> None:
        slots = Slots(2)
        holder = asyncio.create_task(download(slots, "a", 10))
        waiting = [asyncio.create_task(download(slots, "a", 10)) for _ in range(3)]
        await asyncio.sleep(1)
        waiting[0].cancel()
        holder.cancel()
        await asyncio.sleep(0)
        waiting[1].cancel()
        assert await waiting[2] == 1
        assert await asyncio.gather(*(download(slots, name, 1) for name in "ab")) == [11, 11]

    in_virtual_time(test)


@pytest.mark.parametrize(("total", "share"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 32)])
def test_a_namespace_holds_half_of_the_slots_at_most(total: int, share: int) -> None:
    async def test() -> None:
        slots = Slots(total)
        tasks = [asyncio.create_task(download(slots, "a", 1)) for _ in range(2 * total)]
        assert sum(started == 0 for started in await asyncio.gather(*tasks)) == share

    in_virtual_time(test)
