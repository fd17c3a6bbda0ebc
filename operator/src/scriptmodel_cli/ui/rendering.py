"""The templates of this package."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment

from scriptmodel_cli.output import escaped
from scriptmodel_cli.web.rendering import environment


def render(template: str, **values: Any) -> str:
    """Return a template filled in."""
    return templates().get_template(template).render(values)


@functools.cache
def templates() -> Environment:
    return environment(__package__, escaped)
