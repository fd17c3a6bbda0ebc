"""The connection to pachd: a channel and its stubs, opened anew when the certificates to trust have changed."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any

import grpc

from scriptmodel_operator.pachyderm.channel import PachdAddress, open_channel
from scriptmodel_operator.pachyderm.protocol import pfs_grpc, pps_grpc, transaction_grpc, version_grpc

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stubs:
    """One channel's."""

    channel: grpc.Channel
    certificates: bytes | None
    pfs: Any
    pps: Any
    transactions: Any
    version: Any


class Connection:
    """Thread-safe. Calls in flight go on with what they began with."""

    def __init__(self, target: PachdAddress) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._before: Stubs | None = None
        self._stubs = self._open(target.certificates())

    @property
    def stubs(self) -> Stubs:
        """Looks at the file each time, like the token's: a Secret is renewed without a restart."""
        if self._target.ca_file is None:
            return self._stubs
        with self._lock:
            try:
                certificates = self._target.certificates()
                if certificates == self._stubs.certificates:
                    return self._stubs
                self._target.check(certificates)
            except (OSError, ValueError) as error:  # for a moment, while it is being replaced
                log.warning("certificates of pachd: %s", error)
                return self._stubs
            log.info("the certificates of pachd have changed: connecting anew")
            if self._before is not None:
                self._before.channel.close()
            self._before, self._stubs = self._stubs, self._open(certificates)
            return self._stubs

    def close(self) -> None:
        """Calls in flight fail."""
        with self._lock:
            for stubs in (self._before, self._stubs):
                if stubs is not None:
                    stubs.channel.close()

    def _open(self, certificates: bytes | None) -> Stubs:
        target = self._target
        channel = open_channel(target.target, certificates, tls=target.tls, server_name=target.server_name)
        return Stubs(
            channel,
            certificates,
            pfs_grpc.APIStub(channel),
            pps_grpc.APIStub(channel),
            transaction_grpc.APIStub(channel),
            version_grpc.APIStub(channel),
        )
