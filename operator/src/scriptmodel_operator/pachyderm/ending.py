"""Ends calls before their time: all once this process no longer leads, and a stream once it is silent.

A call may last longer than the lease has left at its start, which is renewed meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import grpc

from scriptmodel_operator.leadership import Leadership
from scriptmodel_operator.pachyderm.errors import UnavailableError

_POLL_SECONDS = 0.5


def answer(call: Any, leadership: Leadership, cancelled: Callable[[], bool] = lambda: False) -> Any:
    """Return the answer of a call, which is cancelled once `leadership` has ended or `cancelled` returns True.

    Raises grpc.RpcError.
    """
    ended = threading.Event()
    call.add_done_callback(lambda _call: ended.set())
    try:
        while not ended.wait(_until_next_check(leadership)):
            if cancelled() or leadership.lease_remaining() <= 0:
                call.cancel()
        return call.result()
    except grpc.FutureCancelledError as error:
        raise call from error  # a failed call is also its exception
    finally:
        call.cancel()  # after an interrupt


def stream(call: Any, what: str, silence: float, leadership: Leadership) -> Generator[Any, None, None]:
    """Yield the messages of a stream, which is cancelled once `leadership` has ended or nothing came for `silence`
    seconds. Raises grpc.RpcError, and UnavailableError for a silent stream.
    """
    waits_since: float | None = time.monotonic()
    """None while the caller works on a message."""
    silent, closed = False, threading.Event()

    def watch() -> None:
        nonlocal silent
        while not closed.wait(_until_next_check(leadership)):
            silent = waits_since is not None and time.monotonic() - waits_since > silence
            if silent or leadership.lease_remaining() <= 0:
                call.cancel()
                return

    threading.Thread(target=watch, name="stream", daemon=True).start()
    try:
        for message in call:
            waits_since = None
            yield message
            waits_since = time.monotonic()
    except grpc.RpcError as error:
        if silent:
            raise UnavailableError(what, f"nothing came for {silence:g} s", "DEADLINE_EXCEEDED") from error
        raise
    finally:
        closed.set()
        call.cancel()


def _until_next_check(leadership: Leadership) -> float:
    return max(0.0, min(_POLL_SECONDS, leadership.lease_remaining()))
