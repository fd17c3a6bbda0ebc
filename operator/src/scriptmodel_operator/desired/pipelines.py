"""Derives the desired pipelines from a spec. Pure; the operator's defaults are resolved here, once."""

from dataclasses import dataclass, replace
from typing import Any

from scriptmodel_operator.api.durations import parse_quantity
from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.training import ResourceList, Training
from scriptmodel_operator.desired import command_lines
from scriptmodel_operator.desired.digest import digest, fingerprint, specified
from scriptmodel_operator.desired.references import References
from scriptmodel_operator.engine.values import (
    WHOLE_REPO,
    Datums,
    PipelineInput,
    PipelineSpec,
    PodSpec,
    PodToleration,
    ResourceAmounts,
    as_float32,
)

SHARED = frozenset({"node_selector", "tolerations", "priority_class_name", "image_pull_secrets", "backoff_limit"})
"""Fields of spec.training that reach all pipelines. All others reach `train` only, or no pipeline."""
OPERATORS_OWN = frozenset({"pending_deadline", "active_deadline", "only_if_better"})
"""Fields of spec.training that the operator enforces itself: they reach no pipeline."""
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


@dataclass(frozen=True, slots=True)
class DesiredPipeline:
    """A desired pipeline and its ownership annotation, without what is added when it is sent."""

    spec: PipelineSpec
    mark: Mark

    def as_version(self, version: int) -> PipelineSpec:
        """Return the spec to send, annotated for the pipeline version that sending it creates."""
        mark = replace(self.mark, sent=fingerprint(self.spec), version=version)
        return replace(self.spec, annotations=mark.annotations())


@dataclass(frozen=True, slots=True)
class Desired:
    train: DesiredPipeline
    generate: DesiredPipeline


def desired(
    model: ScriptModel,
    refs: References,
    owner: Owner,
    train_mark: Mark | None,
    *,
    image: str,
    claim: str = "",
    continued: str = "",
) -> Desired:
    """Return the desired pipelines. `train_mark` is that of the observed train pipeline, if any.

    `image` and `claim` (the PersistentVolumeClaim for checkpoints) are used where the spec names none. `continued` is
    the text that the script continues.
    """
    compute = train_compute(model, refs)
    image = _image(model, image, compute, train_mark)
    claim = model.spec.training.checkpoints.claim_name or claim
    train = _train(model, refs, owner, compute, image, claim, train_mark)
    return Desired(train, _generate(model, refs, owner, image, continued))


def train_compute(model: ScriptModel, refs: References) -> str:
    """Return the digest of what decides the model; optional parts are in it only where they are set.

    What many runs differ in is not among them: it is in the repo that training reads.
    """
    spec = model.spec
    optional: dict[str, Any] = {"base": refs.base.name} if refs.base else {}
    optional |= {"search": True} if refs.searches else {}
    network = specified(spec.model, exclude={"start"})
    return digest({"layout": spec.corpus.layout, "model": network, "image": spec.training.image, **optional})


def _image(model: ScriptModel, default_image: str, compute: str, mark: Mark | None) -> str:
    """Return the user's image, else the one resolved earlier unless training is due anyway, else today's default."""
    if model.spec.training.image:
        return model.spec.training.image
    if mark and mark.image and mark.compute == compute and not retraining_requested(model, mark):
        return mark.image
    return default_image


def retraining_requested(model: ScriptModel, mark: Mark) -> bool:
    """Return whether the newest retrain-at has not been carried out."""
    return bool(model.retrain_at) and model.retrain_at != mark.retrain_at


def retraining(model: ScriptModel, mark: Mark | None) -> str:
    """Return the newest retrain-at, carried out or not."""
    return model.retrain_at or (mark.retrain_at if mark else "")


def _train(
    model: ScriptModel,
    refs: References,
    owner: Owner,
    compute: str,
    image: str,
    claim: str,
    mark: Mark | None,
) -> DesiredPipeline:
    training = model.spec.training
    where = specified(training, exclude={"image", *OPERATORS_OWN})
    search = model.spec.search
    parallel = {"parallel": search.parallel_trials} if search else {}
    whole = digest({"compute": compute, "branch": str(refs.corpus), "training": where, **parallel})
    spec = PipelineSpec(
        ref=refs.train,
        image=image,
        command=command_lines.train_command(
            model.spec.corpus.layout, model.spec.model, from_base=bool(refs.base), many=refs.searches
        ),
        input=PipelineInput(
            command_lines.CORPUS_INPUT, refs.corpus, WHOLE_REPO, base=refs.base, trials=refs.trials if search else None
        ),
        datums=_datums(training, workers=search.parallel_trials if search else 1, per_task=1 if search else 0),
        requests=_amounts(training.resources.requests),
        limits=_limits(training),
        pods=replace(
            _pods(training),
            runtime_class=training.runtime_class_name,
            claim=claim,
            variables=tuple((name, "1") for name in _gpu_variables(training)),
            labels=((QUEUE_LABEL, training.queue_name),) if training.queue_name else (),
        ),
        description=f"Trains the model of ScriptModel {model}",
    )
    mark = Mark(owner, whole, compute, image=image, retrain_at=retraining(model, mark))
    return DesiredPipeline(spec, mark)


def _generate(model: ScriptModel, refs: References, owner: Owner, image: str, continued: str) -> DesiredPipeline:
    """Return the pipeline that writes the script, with the trainer's image but without GPUs or its resources."""
    training = model.spec.training
    generation = model.spec.generation
    text = {"continued": continued} if continued else {}  # itself, wherever it was read
    options = specified(generation, exclude={"continuation": {"config_map"}})
    compute = digest({"generation": options, "image": image, **text})
    whole = digest({"compute": compute, "placement": specified(training, include=SHARED)})
    spec = PipelineSpec(
        ref=refs.generate,
        image=image,
        command=command_lines.generate_command(generation, continued),
        input=PipelineInput(command_lines.MODEL_INPUT, refs.model, WHOLE_REPO),
        datums=_datums(training),
        pods=_pods(training),
        description=f"Writes the script of ScriptModel {model}",
    )
    return DesiredPipeline(spec, Mark(owner, digest=whole, compute=compute, image=image))


def _datums(training: Training, *, workers: int = 1, per_task: int = 0) -> Datums:
    return Datums(training.backoff_limit + 1, workers, per_task=per_task)


def _pods(training: Training) -> PodSpec:
    return PodSpec(
        node_selector=tuple(sorted(training.node_selector.items())),
        tolerations=tuple(
            PodToleration(each.key, each.operator, each.value, each.effect or "", each.toleration_seconds)
            for each in training.tolerations
        ),
        priority_class=training.priority_class_name,
        image_pull_secrets=tuple(each.name for each in training.image_pull_secrets),
    )


def _gpu_variables(training: Training) -> tuple[str, ...]:
    """Return the environment variables by which the trainer warns without a GPU, or fails."""
    if training.gpu is None:
        return ()
    required = ("SCRIPTMODEL_GPU_REQUIRED",) if training.gpu.required else ()
    return ("SCRIPTMODEL_GPU_REQUESTED", *required)


def _amounts(resources: ResourceList) -> ResourceAmounts:
    cpu = as_float32(parse_quantity(resources.cpu)) if resources.cpu else 0.0
    return ResourceAmounts(cpu=cpu, memory=resources.memory or "")


def _limits(training: Training) -> ResourceAmounts:
    """Return the limits, with the GPU, which Pachyderm has in the limits only."""
    limits = _amounts(training.resources.limits)
    if training.gpu is None:
        return limits
    return replace(limits, gpu_type=training.gpu.resource, gpu_count=1)
