"""Renders pages with Jinja2; autoescape is on, so each value becomes text in HTML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, Undefined
from markupsafe import Markup

from .charts import shown

STATIC = Path(__file__).parent / "static"
"""Styles and JavaScript."""


def environment(
    package: str, escaped: Callable[[str], str], undefined: type[Undefined] = Undefined, **filters: Callable[..., str]
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
    return found


def whole_page(found: Environment, title: str, content: str, **values: Any) -> str:
    """Return a whole page with some content, which is HTML; `values` are those of `base.html`."""
    return found.get_template("base.html").render(title=title, content=Markup(content), **values)  # noqa: S704
