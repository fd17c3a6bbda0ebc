"""Downloads from a server on loopback, for the tests of the fetcher."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from scriptmodel_operator.ingest.addresses import Destinations, parse_destinations
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.fetch import Fetched, Fetcher, Timeouts
from scriptmodel_operator.ingest.values import Validators

MEBIBYTE = 1024 * 1024


LOOPBACK = parse_destinations(["127.0.0.1"])


HURRIED = Timeouts(connect=60, silence=0.3, grace=60, slowest=1000)


TEXT = b"HAMLET: To be or not to be.\n" * 100


async def at_once(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


async def fetch(
    url: str,
    known: Validators = Validators(),  # noqa: B008 - immutable
    *,
    most: int = MEBIBYTE,
    destinations: Destinations = LOOPBACK,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - immutable
) -> tuple[Fetched | None, bytes]:
    file = io.BytesIO()
    found = await Fetcher(destinations, at_once, timeouts).fetch(url, file, most, known)
    return found, file.getvalue()


async def refused(url: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await fetch(url, **options)
    return caught.value
