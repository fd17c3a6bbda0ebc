"""Pages, samples, manifests and the chart are consistent with each other; the site loads nothing from elsewhere."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from dev.generate.site import on_page_content
from dev.paths import OPERATOR_ENV, ROOT
from dev.release.source import CHART
from scriptmodel_operator.api.objects import parse_object

LOADED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*(?:src|href)=["']?(?:https?:)?//[^>]*>""")
COLUMNS = 120
"""Characters of a line of code that fit next to the navigation at 1280 px."""
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


def test_artifact_hub_shows_the_images_and_the_crd_of_the_chart() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    said = {name.partition("/")[2]: yaml.safe_load(text) for name, text in about["annotations"].items()}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    parts = (values["image"], values["trainer"]["image"], values["storage"]["server"]["image"])
    assert [each["image"].rpartition("/")[2] for each in said["images"]] == [
        f"{part['repository']}:{about['appVersion']}" for part in parts
    ]
    definition = yaml.safe_load((ROOT / "manifests/crd.yaml").read_text())
    (crd,) = said["crds"]
    assert (crd["name"], crd["kind"]) == (definition["metadata"]["name"], definition["spec"]["names"]["kind"])
    assert crd["version"] in [version["name"] for version in definition["spec"]["versions"]]
    for example in said["crdsExamples"]:
        example["metadata"] |= {"namespace": "plays", "uid": "1", "generation": 1}
        assert parse_object(example).name == "shakespeare"
    assert {change["kind"] for change in said["changes"]} <= {
        "added",
        "changed",
        "deprecated",
        "removed",
        "fixed",
        "security",
    }


def run(folder: Path, *words: str) -> str:
    names = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_MKDOCS_2_WARNING": "1", **names}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


def test_a_patch_of_an_older_minor_version_leaves_latest_at_the_newest(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Plays\n")
    (tmp_path / "mkdocs.yml").write_text("site_name: plays\nplugins: [mike]\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "Add a page")):
        run(tmp_path, "git", *words)
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    make = ("make", "-f", str(ROOT / "dev/Makefile"), "--old-file=env", "docs-version", f"OPERATOR={OPERATOR_ENV}")
    for version, listed in (
        ("0.9.0", "0.9 [latest]\n"),
        ("0.10.0", "0.10 [latest]\n0.9\n"),
        ("0.9.1", "0.10 [latest]\n0.9\n"),
        ("0.10.1", "0.10 [latest]\n0.9\n"),
    ):
        run(tmp_path, *make, f"VERSION={version}")
        assert run(tmp_path, str(OPERATOR_ENV / "bin/mike"), "list") == listed, version
    assert "latest/" in run(tmp_path, "git", "show", "gh-pages:index.html")


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
