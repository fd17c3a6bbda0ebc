"""Renders the templates of this package: each value becomes text in HTML, since autoescape is on."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

from scriptmodel_trainer.storage.controls import escaped

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return a template filled in."""
    return templates().get_template(template).render(values)


@functools.cache
def templates() -> Environment:
    from jinja2 import StrictUndefined  # noqa: PLC0415  # only a report needs Jinja2

    from scriptmodel_trainer.web.rendering import environment  # noqa: PLC0415  # likewise

    return environment(__package__, escaped, StrictUndefined, number=number)


def number(value: float) -> str:
    """Return a perplexity with one decimal."""
    return "–" if not math.isfinite(value) else f"{value:,.1f}"
