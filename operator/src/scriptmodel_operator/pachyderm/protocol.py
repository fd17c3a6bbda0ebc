"""The only module that imports python_pachyderm: its generated messages and stubs, under shorter names.

python-pachyderm ships no types, so mypy sees their contents as Any. Its client class is not used: it has no deadlines
or keepalive, truncates files silently, and shares transactions between threads. It is not even loaded: with all that it
needs, it is as large as the messages.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from typing import Any

import click

_PACKAGE = "python_pachyderm"
_found = None if _PACKAGE in sys.modules else find_spec(_PACKAGE)
if _found is None and _PACKAGE not in sys.modules:
    raise click.ClickException(
        "Pachyderm's messages are not installed: run `pipx install 'scriptmodel-operator[pachyderm]'` "
        "(in an environment without the trainer)"
    )
if _found:
    sys.modules[_PACKAGE] = module_from_spec(_found)  # without running its __init__, which is the client


def _proto(name: str) -> tuple[Any, Any]:
    path = f"{_PACKAGE}.proto.v2.{name}_pb2"
    return import_module(path), import_module(f"{path}_grpc")


admin, admin_grpc = _proto("admin.admin")
pfs, pfs_grpc = _proto("pfs.pfs")
pps, pps_grpc = _proto("pps.pps")
transaction, transaction_grpc = _proto("transaction.transaction")
version, version_grpc = _proto("version.versionpb.version")
if _found:
    del sys.modules[_PACKAGE]  # who imports the package later gets all of it
