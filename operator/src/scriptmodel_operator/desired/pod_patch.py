"""Builds the patch of the train pods, for what Pachyderm has no field: runtime class, volume, variables. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scriptmodel_operator.pachyderm.values import PipelineRef

STATE_VOLUME = "scriptmodel-state"
STATE_PATH = "/scriptmodel-state"
STATE_VARIABLE = "SCRIPTMODEL_STATE_DIR"
TRAINERS_GROUP = 65532
"""The trainer's group. The kubelet makes the folder of a volume root's; fsGroup lets this group write there."""
_USER_CONTAINER = "/containers/0"
"""Pachyderm's container for the pipeline's command; the storage sidecar follows it."""

Operation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StateFolder:
    """A pipeline's folder on a PersistentVolumeClaim in Pachyderm's namespace; it outlives the pods."""

    claim: str
    path: str
    """Path below the claim's root."""

    @classmethod
    def of(cls, claim: str, pipeline: PipelineRef) -> StateFolder | None:
        """Return the folder of a pipeline, so that no other one sees it; None without a claim."""
        return cls(claim, f"{pipeline.project}/{pipeline.name}") if claim else None


def pod_patch(runtime_class: str, state: StateFolder | None, variables: Mapping[str, str] | None = None) -> str:
    """Return a JSON patch of the pod spec; empty if nothing is set. `variables` are those of the user container."""
    operations = [*_runtime_class(runtime_class), *_state(state), *map(_variable, sorted((variables or {}).items()))]
    return json.dumps(operations) if operations else ""


def _runtime_class(name: str) -> Iterator[Operation]:
    if name:
        yield _add("/runtimeClassName", name)


def _state(state: StateFolder | None) -> Iterator[Operation]:
    """Yield the volume, its mount and its variable. The worker's pod spec has no security context to merge with."""
    if state is None:
        return
    yield _add("/securityContext", {"fsGroup": TRAINERS_GROUP})
    yield _add("/volumes/-", {"name": STATE_VOLUME, "persistentVolumeClaim": {"claimName": state.claim}})
    mount = {"name": STATE_VOLUME, "mountPath": STATE_PATH, "subPath": state.path}
    yield _add(f"{_USER_CONTAINER}/volumeMounts/-", mount)
    yield _variable((STATE_VARIABLE, STATE_PATH))


def _variable(pair: tuple[str, str]) -> Operation:
    name, value = pair
    return _add(f"{_USER_CONTAINER}/env/-", {"name": name, "value": value})


def _add(path: str, value: Any) -> Operation:
    return {"op": "add", "path": path, "value": value}
