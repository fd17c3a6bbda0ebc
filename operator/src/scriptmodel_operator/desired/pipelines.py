"""From a spec to the two pipelines that it wants. Pure; the operator's defaults are resolved here, once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from scriptmodel_operator.api.durations import parse_quantity
from scriptmodel_operator.api.fields import ApiModel
from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.training import ResourceList, Training
from scriptmodel_operator.desired import commands
from scriptmodel_operator.desired.digest import digest, fingerprint
from scriptmodel_operator.desired.placement import OPERATORS_OWN, SHARED, placement, specified
from scriptmodel_operator.desired.references import References
from scriptmodel_operator.pachyderm.values import (
    PipelineSpec,
    ResourceAmounts,
    as_float32,
)

WHOLE_REPO = "/"


@dataclass(frozen=True, slots=True)
class DesiredPipeline:
    """A pipeline as it should be, and what its mark says of it before it is sent.

    Numbers are compared by value. Operators of before did so by how they are written, so marks of theirs are known too.
    """

    spec: PipelineSpec
    mark: Mark
    accepted: frozenset[str]
    """All digests that say what the spec says."""

    def as_version(self, version: int) -> PipelineSpec:
        """The spec to be sent, when sending it will make that version, with its mark."""
        sealed = replace(self.mark, sent=fingerprint(self.spec), version=version)
        return replace(self.spec, annotations=sealed.annotations())


@dataclass(frozen=True, slots=True)
class Desired:
    """Both pipelines."""

    train: DesiredPipeline
    generate: DesiredPipeline


def desired(model: ScriptModel, refs: References, owner: Owner, default_image: str, train_mark: Mark | None) -> Desired:
    """Return the pipelines that the object asks for. `train_mark` is that of the observed train pipeline, if any."""
    compute = _train_compute(model)
    image = _image(model, default_image, compute, train_mark)
    train = _train(model, refs, owner, compute, image, train_mark)
    return Desired(train, _generate(model, refs, owner, image))


def _train_compute(model: ScriptModel) -> tuple[str, ...]:
    spec = model.spec
    return tuple(
        digest({"layout": spec.corpus.layout.value, "model": said, "image": spec.training.image})
        for said in _ways_to_say(spec.model)
    )


def _image(model: ScriptModel, default_image: str, compute: tuple[str, ...], mark: Mark | None) -> str:
    """The user's image; else the one resolved earlier, while nothing asks for new training; else today's default."""
    if model.spec.training.image:
        return model.spec.training.image
    if mark and mark.image and mark.compute in compute and not retraining_requested(model, mark):
        return mark.image
    return default_image


def retraining_requested(model: ScriptModel, mark: Mark) -> bool:
    """Return whether the newest retrain-at has not been carried out."""
    return bool(model.retrain_at) and model.retrain_at != mark.retrain_at


def _train(
    model: ScriptModel, refs: References, owner: Owner, compute: tuple[str, ...], image: str, mark: Mark | None
) -> DesiredPipeline:
    training = model.spec.training
    said = specified(training, exclude={"image", *OPERATORS_OWN})
    whole = tuple(digest({"compute": each, "branch": str(refs.corpus), "training": said}) for each in compute)
    spec = PipelineSpec(
        ref=refs.train,
        image=image,
        command=commands.train_command(model.spec.corpus.layout, model.spec.model.by_value()),
        input_name=commands.CORPUS_INPUT,
        input_branch=refs.corpus,
        glob=WHOLE_REPO,
        requests=_amounts(training.resources.requests),
        limits=_limits(training),
        pod_patch=_pod_patch(training),
        description=f"Trains the model of ScriptModel {model}",
    )
    retrain_at = model.retrain_at or (mark.retrain_at if mark else "")
    mark = Mark(owner, digest=whole[0], compute=compute[0], image=image, retrain_at=retrain_at)
    return DesiredPipeline(placement(training).on(spec), mark, frozenset((*compute, *whole)))


def _generate(model: ScriptModel, refs: References, owner: Owner, image: str) -> DesiredPipeline:
    """Reads the model, so it runs with the image that made it; without GPU or the resources of training."""
    training = model.spec.training
    generation = model.spec.generation
    compute = tuple(digest({"generation": said, "image": image}) for said in _ways_to_say(generation))
    shared = specified(training, include=SHARED)
    spec = PipelineSpec(
        ref=refs.generate,
        image=image,
        command=commands.generate_command(generation.by_value()),
        input_name=commands.MODEL_INPUT,
        input_branch=refs.model,
        glob=WHOLE_REPO,
        description=f"Writes the script of ScriptModel {model}",
    )
    whole = tuple(digest({"compute": each, "placement": shared}) for each in compute)
    mark = Mark(owner, digest=whole[0], compute=compute[0], image=image)
    return DesiredPipeline(placement(training).on(spec), mark, frozenset((*compute, *whole)))


def _amounts(resources: ResourceList) -> ResourceAmounts:
    cpu = as_float32(parse_quantity(resources.cpu)) if resources.cpu else 0.0
    return ResourceAmounts(cpu=cpu, memory=resources.memory or "")


def _limits(training: Training) -> ResourceAmounts:
    """GPUs stand in the limits only."""
    limits = _amounts(training.resources.limits)
    if training.gpu is None:
        return limits
    return replace(limits, gpu_type=training.gpu.resource, gpu_count=training.gpu.count)


def _pod_patch(training: Training) -> str:
    """Pachyderm has no field for a runtime class; a patch of the pod's spec has."""
    if not training.runtime_class_name:
        return ""
    return json.dumps([{"op": "add", "path": "/runtimeClassName", "value": training.runtime_class_name}])


def _ways_to_say(part: ApiModel) -> list[Mapping[str, Any]]:
    """Return the part with numbers by value, and also as written where that differs."""
    by_value = part.by_value()
    return [specified(part)] if by_value is part else [specified(by_value), specified(part)]
