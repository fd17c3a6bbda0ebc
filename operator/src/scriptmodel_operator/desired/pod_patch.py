"""Builds the patch of a train pod's spec (RFC 6902): what Pachyderm has no field for. Pure.

Each part is a tuple of operations, and the parts know nothing of each other. Pachyderm applies the patch to a pod spec
whose first container runs the trainer and has an environment, volumes and volume mounts, so `-` appends to each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Operation = Mapping[str, Any]
Part = tuple[Operation, ...]
_ENV = "/containers/0/env/-"


def pod_patch(*parts: Part) -> str:
    """Return the patch of all parts in their order; empty if there is nothing to patch."""
    operations = [operation for part in parts for operation in part]
    return json.dumps(operations) if operations else ""


def added(path: str, value: Any) -> Operation:
    """Return the operation that adds `value` at `path`."""
    return {"op": "add", "path": path, "value": value}


def runtime_class(name: str) -> Part:
    """Return the part that sets the runtime class of the pod; nothing without a name."""
    return (added("/runtimeClassName", name),) if name else ()


def environment(variables: Mapping[str, str]) -> Part:
    """Return the part that adds environment variables to the trainer's container."""
    return tuple(added(_ENV, {"name": name, "value": value}) for name, value in variables.items())


def variables_of(patch: str) -> dict[str, str]:
    """Return the environment variables that a patch adds; nothing for a patch that somebody else wrote."""
    try:
        return dict(_variables(json.loads(patch or "[]")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _variables(operations: list[Operation]) -> Iterator[tuple[str, str]]:
    for operation in operations:
        if operation.get("path") == _ENV:
            yield str(operation["value"]["name"]), str(operation["value"]["value"])
