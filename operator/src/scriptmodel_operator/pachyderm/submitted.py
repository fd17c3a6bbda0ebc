"""Reads a pipeline as its author submitted it, which Pachyderm 2.8 and later keep as JSON. Pure.

What a server runs is this, merged with its administrator's defaults. The two differ without anybody having changed the
pipeline, so drift is looked for in what was submitted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from scriptmodel_operator.pachyderm.values import (
    BASE_INPUT,
    BranchRef,
    PipelineInfo,
    PipelineRef,
    PipelineSpec,
    PodToleration,
    RepoRef,
    ResourceAmounts,
    as_float32,
)

_Json = Mapping[str, Any]
"""A message in protobuf's JSON form."""
_OPERATORS = {"EMPTY": "Exists", "EXISTS": "Exists", "EQUAL": "Equal"}
_EFFECTS = {
    "ALL_EFFECTS": "",
    "NO_SCHEDULE": "NoSchedule",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
    "NO_EXECUTE": "NoExecute",
}


def submitted_spec(info: PipelineInfo) -> PipelineSpec:
    """Return the fields that the operator sets as submitted; as they are on the server if that is not known."""
    if not info.submitted:
        return info.spec
    try:
        return _spec(info.ref, json.loads(info.submitted))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        return info.spec  # not the JSON of a pipeline


def _get(message: _Json, name: str, default: Any) -> Any:
    """Return a field, whose name is in camel or snake case; null, like absence, is the default."""
    value = message.get(to_camel(name), message.get(name))
    return default if value is None else value


def _spec(ref: PipelineRef, found: _Json) -> PipelineSpec:
    transform, (source, base) = _get(found, "transform", {}), _inputs(_get(found, "input", {}))
    scheduling, metadata = _get(found, "scheduling_spec", {}), _get(found, "metadata", {})
    branch = _branch(ref, source)
    return PipelineSpec(
        ref=ref,
        image=_get(transform, "image", ""),
        command=tuple(_get(transform, "cmd", ())),
        input_name=_get(source, "name", "") or branch.repo.name,
        input_branch=branch,
        glob=_get(source, "glob", ""),
        datum_tries=int(_get(found, "datum_tries", 0)),
        parallelism=int(_get(_get(found, "parallelism_spec", {}), "constant", 0)) or 1,
        autoscaling=bool(_get(found, "autoscaling", False)),
        requests=_amounts(_get(found, "resource_requests", {})),
        limits=_amounts(_get(found, "resource_limits", {})),
        node_selector=tuple(sorted(_get(scheduling, "node_selector", {}).items())),
        tolerations=tuple(_toleration(item) for item in _get(found, "tolerations", ())),
        priority_class=_get(scheduling, "priority_class_name", ""),
        pod_patch=_get(found, "pod_patch", ""),
        image_pull_secrets=tuple(_get(transform, "image_pull_secrets", ())),
        description=_get(found, "description", ""),
        annotations=dict(_get(metadata, "annotations", {})),
        labels=tuple(sorted(_get(metadata, "labels", {}).items())),
        base_branch=_branch(ref, base) if base else None,
    )


def _inputs(found: _Json) -> tuple[_Json, _Json | None]:
    """Return the input with the data, and the one with a base model if the two are crossed."""
    crossed = [_get(each, "pfs", {}) for each in _get(found, "cross", ())]
    base = next((each for each in crossed if _get(each, "name", "") == BASE_INPUT), None)
    return next((each for each in crossed if each is not base), _get(found, "pfs", {})), base


def _branch(ref: PipelineRef, source: _Json) -> BranchRef:
    repo = RepoRef(_get(source, "project", "") or ref.project, _get(source, "repo", ""))
    return BranchRef(repo, _get(source, "branch", "") or "master")


def _amounts(found: _Json) -> ResourceAmounts:
    gpu = _get(found, "gpu", {})
    return ResourceAmounts(
        cpu=as_float32(float(_get(found, "cpu", 0))),
        memory=_get(found, "memory", ""),
        gpu_type=_get(gpu, "type", ""),
        gpu_count=int(_get(gpu, "number", 0)),
    )


def _toleration(found: _Json) -> PodToleration:
    seconds = _get(found, "toleration_seconds", None)
    return PodToleration(
        key=_get(found, "key", ""),
        operator=_word(_get(found, "operator", 0), _OPERATORS),
        value=_get(found, "value", ""),
        effect=_word(_get(found, "effect", 0), _EFFECTS),
        seconds=None if seconds is None else int(seconds),
    )


def _word(value: str | int, words: Mapping[str, str]) -> str:
    """Return Kubernetes' word for an enum value, which is given by name or by number."""
    return words[value] if isinstance(value, str) else list(words.values())[value]
