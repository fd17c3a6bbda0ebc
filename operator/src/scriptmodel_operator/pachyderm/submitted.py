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
        return _spec(info.ref, _Message(json.loads(info.submitted)))
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        return info.spec  # not the JSON of a pipeline


class _Message:
    """A message in protobuf's JSON form: names in camel or snake case; null, like absence, is the default."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def get(self, name: str, default: Any) -> Any:
        value = self._content.get(to_camel(name), self._content.get(name))
        return default if value is None else value

    def message(self, name: str) -> _Message:
        return _Message(self.get(name, {}))


def _spec(ref: PipelineRef, found: _Message) -> PipelineSpec:
    transform, (source, base) = found.message("transform"), _inputs(found.message("input"))
    scheduling, metadata = found.message("scheduling_spec"), found.message("metadata")
    branch = _branch(ref, source)
    return PipelineSpec(
        ref=ref,
        image=transform.get("image", ""),
        command=tuple(transform.get("cmd", ())),
        input_name=source.get("name", "") or branch.repo.name,
        input_branch=branch,
        glob=source.get("glob", ""),
        datum_tries=int(found.get("datum_tries", 0)),
        parallelism=int(found.message("parallelism_spec").get("constant", 0)) or 1,
        autoscaling=bool(found.get("autoscaling", False)),
        requests=_amounts(found.message("resource_requests")),
        limits=_amounts(found.message("resource_limits")),
        node_selector=tuple(sorted(scheduling.get("node_selector", {}).items())),
        tolerations=tuple(_toleration(_Message(item)) for item in found.get("tolerations", ())),
        priority_class=scheduling.get("priority_class_name", ""),
        pod_patch=found.get("pod_patch", ""),
        image_pull_secrets=tuple(transform.get("image_pull_secrets", ())),
        description=found.get("description", ""),
        annotations=dict(metadata.get("annotations", {})),
        labels=tuple(sorted(metadata.get("labels", {}).items())),
        base_branch=_branch(ref, base) if base else None,
    )


def _inputs(found: _Message) -> tuple[_Message, _Message | None]:
    """Return the input with the data, and the one with a base model if the two are crossed."""
    crossed = [_Message(each).message("pfs") for each in found.get("cross", ())]
    base = next((each for each in crossed if each.get("name", "") == BASE_INPUT), None)
    return next((each for each in crossed if each is not base), found.message("pfs")), base


def _branch(ref: PipelineRef, source: _Message) -> BranchRef:
    repo = RepoRef(source.get("project", "") or ref.project, source.get("repo", ""))
    return BranchRef(repo, source.get("branch", "") or "master")


def _amounts(found: _Message) -> ResourceAmounts:
    gpu = found.message("gpu")
    return ResourceAmounts(
        cpu=as_float32(float(found.get("cpu", 0))),
        memory=found.get("memory", ""),
        gpu_type=gpu.get("type", ""),
        gpu_count=int(gpu.get("number", 0)),
    )


def _toleration(found: _Message) -> PodToleration:
    seconds = found.get("toleration_seconds", None)
    return PodToleration(
        key=found.get("key", ""),
        operator=_word(found.get("operator", 0), _OPERATORS),
        value=found.get("value", ""),
        effect=_word(found.get("effect", 0), _EFFECTS),
        seconds=None if seconds is None else int(seconds),
    )


def _word(value: str | int, words: Mapping[str, str]) -> str:
    """Return Kubernetes' word for an enum value, which is given by name or by number."""
    return words[value] if isinstance(value, str) else list(words.values())[value]
