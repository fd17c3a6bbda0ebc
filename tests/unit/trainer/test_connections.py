"""Connections of the trainer's server: room for clients, whoever else connects, and a log that stays short."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest

from scriptmodel_trainer.serving import connections
from scriptmodel_trainer.serving.connections import CLIENTS, Connections, log_rarely
from scriptmodel_trainer.serving.refusals import Refused


class Connection:
    """One that is open until it is aborted, its own transport."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.transport = self

    def abort(self) -> None:
        self._server.connections.remove(self)
        self._server.changed.set()


class Server:
    """Makes connections, as aiohttp's does."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.changed = asyncio.Event()

    def __call__(self) -> Connection:
        self.connections.append(Connection(self))
        return self.connections[-1]


def connected(number: int) -> tuple[Connections, Server, list[Any]]:
    server = Server()
    made = Connections(cast("Any", server))
    return made, server, [made() for _ in range(number)]


def test_the_oldest_connection_of_no_client_makes_room() -> None:
    async def check() -> None:
        made, server, [client, oldest, *others] = connected(CLIENTS)
        made.admit(client)
        newest = [made(), made()]
        assert server.connections == [client, *others, *newest]
        assert oldest not in server.connections

    asyncio.run(check())


def test_a_connection_without_a_client_is_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        monkeypatch.setattr(connections, "_SECONDS", 0.0)
        made, server, [client, silent] = connected(2)
        made.admit(client)
        await asyncio.wait_for(server.changed.wait(), 60)
        assert server.connections == [client]
        assert silent is not client

    asyncio.run(check())


def test_clients_are_refused_beyond_their_number_until_one_leaves() -> None:
    async def check() -> None:
        made, server, clients = connected(CLIENTS)
        for client in clients:
            made.admit(client)
        one = cast("Any", made())
        with pytest.raises(Refused, match="try again"):
            made.admit(one)
        server.connections.remove(clients[0])
        made.admit(one)

    asyncio.run(check())


def test_a_cause_is_logged_once_in_a_while(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("accepting")
    log_rarely(logger)
    for number in range(3):
        logger.error("no descriptor is left\nsocket %d", number)
    logger.error("another cause")
    assert [record.getMessage() for record in caplog.records] == ["no descriptor is left\nsocket 0", "another cause"]
    monkeypatch.setattr(connections, "_LOGGED_SECONDS", 0.0)
    logger.error("another cause")
    assert len(caplog.records) == 3
