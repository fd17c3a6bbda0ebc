"""What the generators of pages share: tables, the places where they stand, and writing or checking what was made."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dev.paths import ROOT
from dev.programs.gobuild import say

_BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str, table_of: Callable[[str], str]) -> str:
    """Return a page with the table of each name between `<!-- generated: NAME -->` and `<!-- end -->`."""
    return _BLOCK.sub(lambda found: found[1] + table_of(found[2]) + found[3], page)


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(' '.join(cell.split()) for cell in cells)} |\n" for cells in lines)


def write(wanted: Mapping[Path, str], arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return 1 if one is out of date."""
    old = {path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text}
    for path, text in old.items():
        if "--check" in arguments:
            say(f"{path.relative_to(ROOT)} is out of date: run `make manifests`")
        else:
            path.write_text(text)
    return 1 if old and "--check" in arguments else 0
