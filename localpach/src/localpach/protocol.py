"""The only module that imports python_pachyderm: its generated messages and stubs, under shorter names.

The package's own `__init__`, the client, is not run: with what it imports it takes as long as the rest of a start.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


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
    from python_pachyderm.proto.v2.enterprise import enterprise_pb2 as enterprise
    from python_pachyderm.proto.v2.enterprise import enterprise_pb2_grpc as enterprise_grpc
    from python_pachyderm.proto.v2.pfs import pfs_pb2 as pfs
    from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc as pfs_grpc
    from python_pachyderm.proto.v2.pps import pps_pb2 as pps
    from python_pachyderm.proto.v2.pps import pps_pb2_grpc as pps_grpc
    from python_pachyderm.proto.v2.transaction import transaction_pb2 as transaction
    from python_pachyderm.proto.v2.transaction import transaction_pb2_grpc as transaction_grpc
    from python_pachyderm.proto.v2.version.versionpb import version_pb2 as version
    from python_pachyderm.proto.v2.version.versionpb import version_pb2_grpc as version_grpc

__all__ = [
    "admin",
    "admin_grpc",
    "enterprise",
    "enterprise_grpc",
    "pfs",
    "pfs_grpc",
    "pps",
    "pps_grpc",
    "transaction",
    "transaction_grpc",
    "version",
    "version_grpc",
]
