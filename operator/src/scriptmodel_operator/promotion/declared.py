"""Declares promotion in the API."""

from typing import Annotated

from scriptmodel_operator.api.fields import AS_DECIMAL, ApiModel, decimal
from scriptmodel_operator.api.identity import GROUP

ANNOTATION = f"{GROUP}/promote"
"""Commit of a model that is held back, or its first characters: its script is promoted anyway."""


class Promotion(ApiModel):
    """When the script of a retrained model replaces the last one. The models must have the same validation text."""

    min_improvement: Annotated[str, decimal(at_most=10), AS_DECIMAL] | None = None
    """Least improvement over the last model in nats per character of validation text; a model below it is held back.
    Absent: each model replaces the last."""


class PromotionStatus(ApiModel):
    """The newest comparison of a retrained model with the one that it was to replace."""

    decision: str | None = None
    """Promoted, PromotedByAnnotation, NotComparable (and promoted) or HeldBack."""
    model: str | None = None
    """Commit of the retrained model."""
    previous: str | None = None
    """Commit of the model that it was compared with."""
    figure: str | None = None
    """Figure of the retrained model: nats per character of validation text."""
    previous_figure: str | None = None
    """The same figure of the model that it was compared with."""
    improvement: str | None = None
    """By how much the retrained model is better; negative if it is worse."""
