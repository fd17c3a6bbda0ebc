"""Generates files from classes and commands of operator and trainer: the CRD, and the tables of the reference.

`python -m dev.generate.api` writes them; with `--check` it only names those that are out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dev.generate import crd, knobs, options, reference
from dev.paths import ROOT
from dev.programs.gobuild import say


def wanted() -> dict[Path, str]:
    """Return the text of each file."""
    definition = crd.render()
    tables = {"api": reference, "configuration": options, "options": knobs}
    pages = [(ROOT / f"docs/reference/{name}.md", made_by) for name, made_by in tables.items()]
    return {
        ROOT / "manifests/crd.yaml": definition,
        ROOT / "charts/scriptmodel-operator/files/crd.yaml": definition,
        **{page: made_by.filled(page.read_text()) for page, made_by in pages},
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return 1 if one is out of date."""
    old = {path: text for path, text in wanted().items() if not path.exists() or path.read_text() != text}
    for path, text in old.items():
        if "--check" in arguments:
            say(f"{path.relative_to(ROOT)} is out of date: run `make manifests`")
        else:
            path.write_text(text)
    return 1 if old and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
