"""Ends calls before their time: all before the lease of this process ends, and a stream once it is silent.

A call may last longer than the lease has left at its start, which is renewed meanwhile.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from scriptmodel_operator.leadership import Leadership
from scriptmodel_operator.pachyderm.errors import UnavailableError

POLL_SECONDS = 0.5
"""Time between two checks of a call, which is cancelled so long before the lease ends."""


def answer(call: Any, leadership: Leadership, cancelled: Callable[[], bool] = lambda: False) -> Any:
    """Return the answer of a call; cancel it before the lease ends, or once `cancelled`. Raises grpc.RpcError."""
    ended = threading.Event()
    call.add_done_callback(lambda _call: ended.set())
    try:
        while not ended.wait(POLL_SECONDS):
            if cancelled() or leadership.lease_remaining() <= POLL_SECONDS:
                call.cancel()
        return call.result()
    except grpc.FutureCancelledError as error:
        raise call from error  # a failed call is also its exception
    finally:
        call.cancel()  # after an interrupt


def stream(call: Any, what: str, silence: float, leadership: Leadership) -> Iterator[Any]:
    """Yield the messages of a call; cancel it before the lease ends, or if nothing comes for `silence` seconds.

    Raises grpc.RpcError, and UnavailableError for a silent one.
    """
    until, closed = time.monotonic() + silence, threading.Event()

    def watch() -> None:
        while not closed.wait(POLL_SECONDS):
            if time.monotonic() > until or leadership.lease_remaining() <= POLL_SECONDS:
                call.cancel()

    threading.Thread(target=watch, name="stream", daemon=True).start()
    try:
        for message in call:
            until = math.inf  # while the caller works on it
            yield message
            until = time.monotonic() + silence
    except grpc.RpcError as error:
        if time.monotonic() > until:
            raise UnavailableError(what, f"nothing came for {silence:g} s", "DEADLINE_EXCEEDED") from error
        raise
    finally:
        closed.set()
        call.cancel()
