"""Derives the two desired pipelines from a spec. Pure; the operator's defaults are resolved here, once."""

from __future__ import annotations

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
from scriptmodel_operator.desired.placement import OPERATORS_OWN, SHARED, placed, specified
from scriptmodel_operator.desired.pod_patch import Part, environment, pod_patch, runtime_class
from scriptmodel_operator.desired.references import References
from scriptmodel_operator.desired.state_folder import state_folder
from scriptmodel_operator.desired.variables import GPU_REQUESTED, variables_of_training
from scriptmodel_operator.pachyderm.values import (
    WHOLE_REPO,
    PipelineSpec,
    ResourceAmounts,
    as_float32,
)

_DECIDE_THE_MODEL = frozenset({"early_stopping", "warm_start"})
"""Fields of spec.training that are in the digest of what decides the model, where they have an effect."""
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


@dataclass(frozen=True, slots=True)
class DesiredPipeline:
    """A desired pipeline and its ownership annotation, without what is added when it is sent.

    Numbers are compared by value. Older operators compared the literal text, so those digests are accepted too.
    """

    spec: PipelineSpec
    mark: Mark
    accepted: frozenset[str]
    """All digests that are equivalent to the spec."""

    def as_version(self, version: int) -> PipelineSpec:
        """Return the spec to send, annotated for the pipeline version that sending it creates."""
        mark = replace(self.mark, sent=fingerprint(self.spec), version=version)
        return replace(self.spec, annotations=mark.annotations())


@dataclass(frozen=True, slots=True)
class Desired:
    """Both pipelines."""

    train: DesiredPipeline
    generate: DesiredPipeline


def desired(
    model: ScriptModel, refs: References, owner: Owner, train_mark: Mark | None, *, image: str, claim: str = ""
) -> Desired:
    """Return the desired pipelines. `train_mark` is that of the observed train pipeline, if any.

    `image` and `claim` (the PersistentVolumeClaim for checkpoints) are used where the spec names none.
    """
    compute = _train_compute(model, refs)
    image = _image(model, image, compute, train_mark)
    claim = model.spec.training.checkpoints.claim_name or claim
    train = _train(model, refs, owner, compute, image, claim, train_mark)
    return Desired(train, _generate(model, refs, owner, image))


def is_trained_as_specified(model: ScriptModel, mark: Mark, refs: References) -> bool:
    """Return whether the train pipeline with `mark` computes what the spec requests, from the base in `refs`."""
    return mark.compute in _train_compute(model, refs)


def _train_compute(model: ScriptModel, refs: References) -> tuple[str, ...]:
    """Return the digests of what decides the model; later fields are in them only where they are set."""
    spec = model.spec
    patience = spec.training.early_stopping.patience
    later: dict[str, Any] = {} if patience is None else {"patience": patience}
    later |= {"base": refs.base.name} if refs.base else {}
    return tuple(
        digest({"layout": spec.corpus.layout, "model": form, "image": spec.training.image, **later})
        for form in _equivalent_forms(spec.model, exclude={"base"})
    )


def _image(model: ScriptModel, default_image: str, compute: tuple[str, ...], mark: Mark | None) -> str:
    """Return the user's image, else the one resolved earlier unless training is due anyway, else today's default."""
    if model.spec.training.image:
        return model.spec.training.image
    if mark and mark.image and mark.compute in compute and not retraining_requested(model, mark):
        return mark.image
    return default_image


def retraining_requested(model: ScriptModel, mark: Mark) -> bool:
    """Return whether the newest retrain-at has not been carried out."""
    return bool(model.retrain_at) and model.retrain_at != mark.retrain_at


def _train(
    model: ScriptModel,
    refs: References,
    owner: Owner,
    compute: tuple[str, ...],
    image: str,
    claim: str,
    mark: Mark | None,
) -> DesiredPipeline:
    training = model.spec.training
    form = specified(training, exclude={"image", *_DECIDE_THE_MODEL, *OPERATORS_OWN})
    whole = tuple(digest({"compute": each, "branch": str(refs.corpus), "training": form}) for each in compute)
    spec = PipelineSpec(
        ref=refs.train,
        image=image,
        command=commands.train_command(
            model.spec.corpus.layout,
            model.spec.model.by_value(),
            training.early_stopping.patience,
            from_base=bool(refs.base),
        ),
        input_name=commands.CORPUS_INPUT,
        input_branch=refs.corpus,
        glob=WHOLE_REPO,
        requests=_amounts(training.resources.requests),
        limits=_limits(training),
        labels=_labels(training),
        base_branch=refs.base,
        description=f"Trains the model of ScriptModel {model}",
    )
    spec = _patched(placed(spec, training), training, state_folder(claim, refs.train), mark)
    retrain_at = model.retrain_at or (mark.retrain_at if mark else "")
    mark = Mark(owner, digest=whole[0], compute=compute[0], image=image, retrain_at=retrain_at, claim=claim)
    return DesiredPipeline(spec, mark, frozenset((*compute, *whole)))


def _labels(training: Training) -> tuple[tuple[str, str], ...]:
    return ((QUEUE_LABEL, training.queue_name),) if training.queue_name else ()


def _patched(spec: PipelineSpec, training: Training, state: Part, mark: Mark | None) -> PipelineSpec:
    """Return the spec with its pod patch.

    Operators before GPU_REQUESTED did not send that variable. A pipeline that was sent without it stays as it is until
    something else changes it, since every update ends the running job.
    """
    variables = variables_of_training(training)
    patched = replace(spec, pod_patch=_patch(training, state, variables))
    older = {name: value for name, value in variables.items() if name != GPU_REQUESTED}
    if mark is None or older == variables:
        return patched
    before = replace(spec, pod_patch=_patch(training, state, older))
    return before if mark.sent == fingerprint(before) else patched


def _patch(training: Training, state: Part, variables: Mapping[str, str]) -> str:
    return pod_patch(runtime_class(training.runtime_class_name), state, environment(variables))


def _generate(model: ScriptModel, refs: References, owner: Owner, image: str) -> DesiredPipeline:
    """Return the pipeline that writes the script, with the trainer's image but without GPUs or its resources."""
    training = model.spec.training
    generation = model.spec.generation
    compute = tuple(digest({"generation": form, "image": image}) for form in _equivalent_forms(generation))
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
    return DesiredPipeline(placed(spec, training), mark, frozenset((*compute, *whole)))


def _amounts(resources: ResourceList) -> ResourceAmounts:
    cpu = as_float32(parse_quantity(resources.cpu)) if resources.cpu else 0.0
    return ResourceAmounts(cpu=cpu, memory=resources.memory or "")


def _limits(training: Training) -> ResourceAmounts:
    """Return the limits, with GPUs, which Pachyderm has in the limits only."""
    limits = _amounts(training.resources.limits)
    if training.gpu is None:
        return limits
    return replace(limits, gpu_type=training.gpu.resource, gpu_count=training.gpu.count)


def _equivalent_forms(part: ApiModel, **selection: Any) -> list[Mapping[str, Any]]:
    """Return the part with its numbers by value, and as written if that differs."""
    by_value = part.by_value()
    forms = [part] if by_value is part else [by_value, part]
    return [specified(form, **selection) for form in forms]
