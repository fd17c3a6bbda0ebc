"""The check whether a text looks like a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptmodel_cli.likeness import LEAST_SHARE, share_of_script

SCRIPTS = {
    "normalized": "[ JON ]: You know nothing .\n{{ Enter . }}\n",
    "colons": "HAMLET: To be.\nOr not.\nOPHELIA: Good my lord.\n",
    "mixed": "Hamlet. To be, or not to be.\nOphelia: Good my lord,\nHow does your honour?\n",
    "screenplay": "INT. HALL - NIGHT\n\n          JON SNOW (V.O.)\n     You know nothing.\n",
    "markdown": "**HAMLET.** To be.\n\n*Exit.*\n",
    "long names": ("**THOMAS MOWBRAY**  \n" + "So must we say.\n" * 10) * 2,
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_scripts_look_like_scripts(text: str) -> None:
    assert share_of_script(text) >= LEAST_SHARE


@pytest.mark.parametrize("file", ["manifests/crd.yaml", "mkdocs.yml", "docs/reference/cli.md", "pyproject.toml"])
def test_files_of_other_kinds_do_not(file: str) -> None:
    assert share_of_script(Path(file).read_text()) < LEAST_SHARE


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", ["A", " ", "A ", "(", "*", "A(", "[ A", "_A."])
def test_no_line_takes_long(piece: str) -> None:
    """Each pattern is applied to at most 200 characters of a line."""
    assert 0 <= share_of_script(f"{piece * 30_000}!\n" * 20) <= 1
