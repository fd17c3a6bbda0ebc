"""Generates files from classes and commands of operator and trainer: the CRD, and the tables of the reference.

`python -m dev.generate.api` writes them; with `--check` it only names those that are out of date.
"""

import sys
from pathlib import Path

from dev.generate import crd, knobs, options, pages, reference
from dev.paths import ROOT


def wanted() -> dict[Path, str]:
    """Return the text of each file."""
    definition = crd.render()
    tables = {"api": reference, "configuration": options, "options": knobs}
    places = [(ROOT / f"docs/reference/{name}.md", made_by) for name, made_by in tables.items()]
    return {
        ROOT / "manifests/crd.yaml": definition,
        ROOT / "charts/scriptmodel-operator/files/crd.yaml": definition,
        **{page: made_by.filled(page.read_text()) for page, made_by in places},
    }


if __name__ == "__main__":
    sys.exit(pages.write(wanted(), sys.argv[1:]))
