"""The only module that imports python_pachyderm: its generated messages and stubs, under shorter names.

python-pachyderm ships no types, so mypy sees these modules as Any. Its client class is not used: it has no
deadlines or keepalive, truncates files silently, and shares transactions between threads. It is not even loaded: with
all that it needs, it is as large as the messages.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from google.protobuf import empty_pb2, timestamp_pb2, wrappers_pb2


@contextmanager
def _bare(name: str) -> Iterator[None]:
    """Let modules of a package be imported without running the package's own `__init__`."""
    found = importlib.util.find_spec(name)
    if name in sys.modules or found is None or found.submodule_search_locations is None:
        yield
        return
    package = ModuleType(name)
    package.__path__ = found.submodule_search_locations
    sys.modules[name] = package
    try:
        yield
    finally:
        del sys.modules[name]


with _bare("python_pachyderm"):
    from python_pachyderm.proto.v2.admin import admin_pb2 as admin
    from python_pachyderm.proto.v2.admin import admin_pb2_grpc as admin_grpc
    from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
    from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc as pfs_grpc
    from python_pachyderm.proto.v2.pps import pps_pb2 as pps
    from python_pachyderm.proto.v2.pps import pps_pb2_grpc as pps_grpc
    from python_pachyderm.proto.v2.transaction import transaction_pb2 as transaction
    from python_pachyderm.proto.v2.transaction import transaction_pb2_grpc as transaction_grpc
    from python_pachyderm.proto.v2.version.versionpb import version_pb2_grpc as version_grpc

__all__ = [
    "admin",
    "admin_grpc",
    "empty_pb2",
    "pfs",
    "pfs_grpc",
    "pps",
    "pps_grpc",
    "timestamp_pb2",
    "transaction",
    "transaction_grpc",
    "version_grpc",
    "wrappers_pb2",
]
