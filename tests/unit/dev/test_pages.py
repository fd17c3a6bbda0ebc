"""Pages, samples, manifests and the chart are consistent with each other."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from dev.paths import ROOT

PLACES = ("README.md", "docs/**/*.md", "localpach/README.md", "manifests/**/*.yaml", "charts/**/*.*")


def test_pachd_is_in_one_namespace_everywhere() -> None:
    texts = [path.read_text() for place in PLACES for path in ROOT.glob(place) if path.is_file()]
    namespaces = [found for text in texts for found in re.findall(r"\bpachd\.([a-z0-9-]+)\.svc\b", text)]
    assert len(namespaces) > 5
    assert set(namespaces) == {"default"}


def test_every_make_target_of_readme_is_one() -> None:
    text = (ROOT / "Makefile").read_text() + (ROOT / "dev/Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", text, re.MULTILINE))
    named = re.findall(r"\bmake ([a-z-]+)\b(?= *[`\n#])", (ROOT / "README.md").read_text())
    assert "demo" in named
    assert set(named) <= targets


def test_fourteen_targets_are_listed_and_the_others_are_forwarded() -> None:
    def said(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, check=False)

    assert len(said("help").stdout.splitlines()) == 14
    assert "tests/chart" in said("--dry-run", "test-chart").stdout
    assert "No rule to make target 'nothing'" in said("nothing").stderr


@pytest.mark.parametrize("page", sorted((ROOT / "docs/contributing").glob("*.md")), ids=lambda page: page.stem)
def test_every_module_that_a_page_for_contributors_names_exists(page: Path) -> None:
    named = set(re.findall(r"`([\w/.-]+\.py)`", page.read_text()))
    files = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert [name for name in sorted(named) if not any(f"/{path}".endswith(f"/{name}") for path in files)] == []


def test_each_stage_is_a_job_of_the_workflow() -> None:
    stages = re.findall(r"suite ([a-z-]+) ", (ROOT / ".ci/run").read_text())
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["stage"]["strategy"]["matrix"][
        "stage"
    ]
    assert sorted(jobs) == sorted(stages)
