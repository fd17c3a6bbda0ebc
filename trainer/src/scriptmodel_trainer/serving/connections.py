"""Keeps room for clients: a connection whose request nobody let in is closed soon, and sooner if others come."""

import asyncio
import logging
import time

from aiohttp import web

from scriptmodel_trainer.serving.refusals import Refused

CLIENTS = 256
"""Connections of clients at once, and connections at once that are none of a client yet."""
_SECONDS = 10.0  # in which a new connection must send a request that is let in
_LOGGED_SECONDS = 60.0  # between two log lines of the same cause


class Connections:
    """Makes the connections of a server, and counts those of clients."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._clients: set[web.RequestHandler] = set()
        self._strangers: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def __call__(self) -> web.RequestHandler:
        """Return a new connection; the oldest one of no client makes room for it."""
        if len(self._strangers) >= CLIENTS:
            self._close(next(iter(self._strangers)))
        made = self._server()
        self._strangers[made] = asyncio.get_running_loop().call_later(_SECONDS, self._close, made)
        return made

    def admit(self, connection: web.RequestHandler) -> None:
        """Take a connection for that of a client; raises Refused if there are too many."""
        self._clients.intersection_update(self._server.connections)
        if connection in self._clients:
            return
        if len(self._clients) >= CLIENTS:
            raise Refused(429, f"{CLIENTS} clients are connected: try again in a few seconds")
        self._clients.add(connection)
        if timer := self._strangers.pop(connection, None):
            timer.cancel()

    def _close(self, connection: web.RequestHandler) -> None:
        self._strangers.pop(connection).cancel()
        if connection.transport is not None:
            connection.transport.abort()


def log_rarely(logger: logging.Logger) -> None:
    """Log each cause, the first line of a message, once in a while: others decide how often it occurs."""
    logged: dict[str, float] = {}

    def is_due(record: logging.LogRecord) -> bool:
        cause, now = record.getMessage().partition("\n")[0], time.monotonic()
        if now - logged.get(cause, -_LOGGED_SECONDS) < _LOGGED_SECONDS:
            return False
        logged[cause] = now
        return True

    logger.addFilter(is_due)
