"""States which Pachyderm a suite met, for its report."""

import os
from contextlib import closing
from functools import cache

from localpach.api.cluster import VERSION
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.channel import PachdAddress


@cache
def release_of(address: str) -> tuple[int, int]:
    """Return the release of a server, such as (2, 12)."""
    with closing(PachydermGateway(PachdAddress(address), UNLIMITED)) as gateway:
        found = gateway.server_version()
    return found.major, found.minor


def server_met() -> str:
    """Return the version of the server at PACHD_ADDRESS, and whether it is certified; else that of localpach."""
    address = os.environ.get("PACHD_ADDRESS", "")
    if not address:
        return f"Pachyderm: localpach, as pachd {'.'.join(map(str, VERSION))}"
    try:
        with closing(PachydermGateway(PachdAddress(address), UNLIMITED)) as gateway:
            return f"Pachyderm: {gateway.server_version().verdict} (at {address})"
    except EngineError as error:
        return f"Pachyderm: {error}"
