"""Renders the templates of this package: autoescape is on, and control characters are shown, not sent."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from scriptmodel_cli.output import escaped
from scriptmodel_cli.ui.charts import shown


def whole(template: str, values: Mapping[str, Any]) -> str:
    """Return a template filled in."""
    return _environment().get_template(template).render(values)


def block(template: str, name: str, values: Mapping[str, Any]) -> str:
    """Return one block of a template, or of the one that it extends."""
    found = _environment().get_template(template)
    if name not in found.blocks:
        found = _environment().get_template("base.html")
    return "".join(found.blocks[name](found.new_context(dict(values))))


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str) else escaped(value),
    )
    environment.filters.update(shown=shown)
    environment.globals["draw"] = environment.get_template("macros.html").module
    return environment
