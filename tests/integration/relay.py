"""A relay of TCP connections that can swallow every byte, as a broken proxy or firewall does."""

import socket
import threading
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Self

from dev.stack import connected


class Relay:
    """Listens on `address` and passes all to `target`, until `swallows` is set or a client has sent `limit` bytes."""

    def __init__(self, target: str, own_port: int = 0, limit: float = inf) -> None:
        self._target, self._limit = target, limit
        self._listener = socket.create_server(("127.0.0.1", own_port))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.swallows = threading.Event()
        self._open: list[socket.socket] = []
        self._deaf: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def deafen(self) -> None:
        """Swallow every byte of the connections that are open; those that are opened later pass all on."""
        self._deaf = set(self._open)

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            far = connected(self._target)
            far.settimeout(None)
            self._open += [near, far]
            for way in ((near, far, self._limit), (far, near, inf)):
                threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, limit: float) -> None:
        try:
            while data := source.recv(65536):
                limit -= len(data)
                if limit < 0:
                    self.swallows.set()
                if not self._swallows(source):
                    sink.sendall(data)
            if not self._swallows(source):
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.close()

    def _swallows(self, source: socket.socket) -> bool:
        return self.swallows.is_set() or source in self._deaf

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):  # it has ended
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it
            each.close()
