"""Renders pages with Jinja2; autoescape is on, so each value becomes text in HTML."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, Undefined

from .charts import shown
from .training import chart_of

STATIC = Path(__file__).parent / "static"
"""Styles and JavaScript."""


def environment(
    package: str, escaped: Callable[[str], str], undefined: type[Undefined] = Undefined, **filters: Callable[..., Any]
) -> Environment:
    """Return what renders the templates of a package and those of this one; `escaped` replaces control characters."""
    places = [(package, "templates"), (__package__, "templates"), (__package__, "static")]
    found = Environment(
        loader=ChoiceLoader([PackageLoader(*place) for place in places]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=undefined,
        finalize=lambda value: escaped(value) if type(value) is str else value,
    )
    found.filters.update(shown=shown, grouped="{:,}".format, **filters)
    found.globals.update(chart_of=chart_of)
    found.globals["draw"] = found.get_template("draw.html").module
    return found
