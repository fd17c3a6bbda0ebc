"""Renders the templates of this package: each value becomes text in HTML, since autoescape is on."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Return a template filled in."""
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  # only a report needs it

    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(grouped="{:,}".format, number=number, shown=shown)
    return environment


def number(value: float) -> str:
    """Return a perplexity with one decimal."""
    return "–" if not math.isfinite(value) else f"{value:,.1f}"


def shown(value: float) -> str:
    """Return a number as people write it: no powers of ten, three digits or so."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) >= 1e6:
        return f"{value:,.3g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")
