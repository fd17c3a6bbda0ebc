"""`spec.promotion`: when the script of a retrained model replaces the last one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from scriptmodel_operator.api.fields import AS_DECIMAL, ApiModel, decimal


class Measure(StrEnum):
    """What models are compared by."""

    VALIDATION = "validation"
    JUDGE = "judge"


class Promotion(ApiModel):
    """When the script of a retrained model replaces the last one. The models must have the same validation text."""

    min_improvement: Annotated[str, decimal(at_most=10), AS_DECIMAL] | None = None
    """Least improvement over the last model; a model below it is held back. Absent: each model replaces the last."""
    measure: Measure = Measure.VALIDATION
    """What is compared: validation for nats per character of the models, judge for the score of their scripts."""
