"""Decides which script the status reports: the newest one with a text, unless a worse model wrote it. Pure.

The engine writes the new script in any case; the status names the one that is in use, and its commits.
"""

from dataclasses import dataclass

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.observe.view import ModelView, WrittenScript

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Chosen:
    """The script that the status reports."""

    script: WrittenScript | None = None
    """None before the first one."""
    held_back: str = ""
    """Why the newest script is not used, and what changes that; empty if it is."""


NO_SCRIPT = Chosen()


def choose(model: ScriptModel, view: ModelView) -> Chosen:
    newest, kept = view.newest_script, view.kept_script
    if newest is None or kept is None:
        return Chosen(newest)
    if not newest.has_text:
        return Chosen(kept)
    worse = _worse(model, newest, kept) if model.spec.training.only_if_better else ""
    return Chosen(kept, worse) if worse else Chosen(newest)


def _worse(model: ScriptModel, newest: WrittenScript, kept: WrittenScript) -> str:
    """Return that the newest model is worse on the same validation text; empty if it is not, or they do not compare."""
    new, old = newest.metrics, kept.metrics
    if not new or not old or not new.validation_digest or new.validation_digest != old.validation_digest:
        return ""
    figure, previous = new.nats_per_character, old.nats_per_character
    if figure is None or previous is None or figure <= previous + _ROUNDING:
        return ""
    return (
        f"model {short_id(newest.model.model)} is held back, since it is worse than the last one: {figure:.4f} after "
        f"{previous:.4f} nats per character of the same text. The script of model {short_id(kept.model.model)} stays; "
        f"to use the new one: kubectl patch sm {model.name} -n {model.namespace} --type merge "
        """-p '{"spec":{"training":{"onlyIfBetter":false}}}'"""
    )
