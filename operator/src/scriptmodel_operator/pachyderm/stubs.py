"""The connection to pachd: a channel and its stubs, opened anew when the certificates to trust have changed."""

import logging
import threading
from dataclasses import dataclass
from typing import Any

import grpc

from scriptmodel_operator.pachyderm.channel import PachdAddress, open_channel
from scriptmodel_operator.pachyderm.protocol import admin_grpc, pfs_grpc, pps_grpc, transaction_grpc, version_grpc

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stubs:
    channel: grpc.Channel
    certificates: bytes | None
    admin: Any
    pfs: Any
    pps: Any
    transactions: Any
    version: Any
    create_pipeline_v2: Any
    """A method of pps that python-pachyderm lacks; it takes bytes."""


class Connection:
    """The current channel and its stubs, thread-safe. A call in progress keeps the channel that it started on."""

    def __init__(self, target: PachdAddress) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._previous: Stubs | None = None
        self._stubs = self._open(target.certificates())

    @property
    def stubs(self) -> Stubs:
        """The stubs, on a new channel if the certificates in the file have changed: no restart is needed."""
        if self._target.ca_file is None:
            return self._stubs
        with self._lock:
            try:
                certificates = self._target.certificates()
                if certificates == self._stubs.certificates:
                    return self._stubs
                self._target.check(certificates)
            except (OSError, ValueError) as error:  # for a moment, while the file is replaced
                log.warning("certificates of pachd: %s", error)
                return self._stubs
            log.info("the certificates of pachd have changed: connecting anew")
            if self._previous is not None:
                self._previous.channel.close()
            self._previous, self._stubs = self._stubs, self._open(certificates)
            return self._stubs

    def close(self) -> None:
        with self._lock:
            for stubs in (self._previous, self._stubs):
                if stubs is not None:
                    stubs.channel.close()

    def _open(self, certificates: bytes | None) -> Stubs:
        target = self._target
        channel = open_channel(target.target, certificates, tls=target.tls, server_name=target.server_name)
        return Stubs(
            channel,
            certificates,
            admin_grpc.APIStub(channel),
            pfs_grpc.APIStub(channel),
            pps_grpc.APIStub(channel),
            transaction_grpc.APIStub(channel),
            version_grpc.APIStub(channel),
            channel.unary_unary("/pps_v2.API/CreatePipelineV2", bytes, bytes),
        )
