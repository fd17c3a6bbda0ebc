"""Decides whether the script of a retrained model replaces the last one. Pure.

Pachyderm writes the new script in any case; the status names the script that is promoted, and its commits.
"""

from enum import StrEnum

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.observe.view import ModelView, WrittenScript
from scriptmodel_operator.promotion.declared import ANNOTATION, PromotionStatus

_ROUNDING = 1e-9
_SHORTEST = 8
"""Characters of a commit's id that the annotation needs at least."""


class Decision(StrEnum):
    PROMOTED = "Promoted"
    BY_ANNOTATION = "PromotedByAnnotation"
    NOT_COMPARABLE = "NotComparable"
    HELD_BACK = "HeldBack"


def compared(model: ScriptModel, view: ModelView, chosen: WrittenScript | None) -> PromotionStatus | None:
    """Compare the newest model with that of the script in the status, unless its job wrote no text.

    None without spec.promotion.minImprovement, and before the second model. A comparison stays in the status until the
    next model is compared.
    """
    least, newest, kept = model.spec.promotion.min_improvement, view.scripts.newest, view.scripts.kept
    if chosen is not newest and chosen is not None:
        return _earlier(model, _computed(view, chosen))
    if least is None or newest is None or newest.script is None:
        return None
    name, kept_name = _computed(view, newest), _computed(view, kept) if kept else None
    if kept is None or name == kept_name:
        return _earlier(model, name)
    figure, previous = _figures(newest, kept)
    improvement = None if figure is None or previous is None else previous - figure
    return PromotionStatus(
        decision=_decided(model, (name, newest.model.model), improvement, float(least)),
        model=name,
        previous=kept_name,
        figure=_rendered(figure),
        previous_figure=_rendered(previous),
        improvement=_rendered(improvement),
    )


def _earlier(model: ScriptModel, name: str) -> PromotionStatus | None:
    """Return the comparison that promoted the model; a script that it was held back for may be gone."""
    found = model.previous.promotion
    return found if found and found.model == name and found.decision != Decision.HELD_BACK else None


def held_back(model: ScriptModel, found: PromotionStatus) -> str:
    """Return why a model is held back, and what promotes it."""
    name, kept = short_id(found.model or ""), short_id(found.previous or "")
    what = "is worse than" if (found.improvement or "").startswith("-") else "improves too little on"
    figures = f"{found.figure} after {found.previous_figure} nats per character"
    return (
        f"model {name} is held back, since it {what} the last one: {figures} "
        f"(spec.promotion.minImprovement {model.spec.promotion.min_improvement}). "
        f"The script of model {kept} stays; to promote the new one: "
        f"kubectl annotate sm {model.name} -n {model.namespace} --overwrite {ANNOTATION}={name}"
    )


def _computed(view: ModelView, written: WrittenScript) -> str:
    """Return the commit of the job that computed a model: a restarted pipeline repeats it under another commit."""
    jobs = view.train.jobs if view.train else ()
    job = next((job for job in jobs if job.ref.id == written.model.model), None)
    return view.train.computed(job).ref.id if view.train and job else written.model.model


def _decided(model: ScriptModel, names: tuple[str, ...], improvement: float | None, least: float) -> Decision:
    requested = model.annotations.get(ANNOTATION, "").strip()
    if len(requested) >= _SHORTEST and any(name.startswith(requested) for name in names):
        return Decision.BY_ANNOTATION
    if improvement is None:
        return Decision.NOT_COMPARABLE
    return Decision.PROMOTED if improvement >= least - _ROUNDING else Decision.HELD_BACK


def _figures(newest: WrittenScript, kept: WrittenScript) -> tuple[float | None, float | None]:
    """Return the figures of both models, which are None if their validation text is not known to be the same."""
    new, old = newest.metrics, kept.metrics
    if not new or not old or not new.validation_digest or new.validation_digest != old.validation_digest:
        return None, None
    return new.nats_per_character, old.nats_per_character


def _rendered(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
