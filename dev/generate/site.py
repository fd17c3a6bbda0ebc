"""A hook of MkDocs (mkdocs.yml names it): what the pages need beyond Markdown."""

import re
from typing import Any

_CODE = re.compile(r"<code>[^<]*</code>")


def on_page_content(html: str, **_: Any) -> str:
    """Remove the backslash before a bar in code: GitHub needs it within tables, Python-Markdown would show it."""
    return _CODE.sub(lambda code: code[0].replace("\\|", "|"), html)
