"""The site of the documentation: it loads nothing from another host, and its code fits the page."""

import re
import subprocess
from pathlib import Path

import pytest

from dev.generate.site import on_page_content
from dev.paths import OPERATOR_ENV, ROOT

LOADED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*(?:src|href)=["']?(?:https?:)?//[^>]*>""")
COLUMNS = 120
"""Characters of a line of code that fit next to the navigation at 1280 px."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [OPERATOR_ENV / "bin/mkdocs", "build", "--site-dir", folder],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    assert [(page.name, found) for page in pages for found in LOADED.findall(page.read_text())] == []


def test_bars_in_the_code_of_tables_have_no_backslash() -> None:
    assert on_page_content(r"<td><code>-o text\|json</code> a\|b</td>") == r"<td><code>-o text|json</code> a\|b</td>"


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_of_code_is_wider_than_the_page(page: Path) -> None:
    within = False
    wide = []
    for line in page.read_text().splitlines():
        within = within != line.lstrip().startswith("```")
        if (within or line.startswith("    ")) and len(line) > COLUMNS:
            wide.append(line)
    assert wide == []
