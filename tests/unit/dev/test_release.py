"""What is released: the same bytes each time, and checked byte by byte."""

import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml

from dev.images.__main__ import revision
from dev.images.archive import settle
from dev.paths import OPERATOR_ENV, ROOT
from dev.release import artifacts, images, publishing, statements
from dev.release.source import HOME, ReleaseError, Source, source, versions

MADE = Source(versions()["operator/pyproject.toml"], "a" * 40, 1_700_000_000)
IMAGES = {
    f"scriptmodel-{name}:{MADE.version}{suffix}": f"sha256:{number * 64}"
    for name, suffix, number in (("operator", "", "1"), ("trainer", "", "2"), ("trainer", "-gpu", "3"), ("s3", "", "4"))
}
PINS = artifacts.Pins("registry.example/team", IMAGES)
DISTRIBUTED = ("localpach", "scriptmodel", "scriptmodel_operator", "scriptmodel_trainer")
SEED = int(os.environ.get("SEED", "0"))


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Source, "created", "2026-01-01T00:00:00Z")
    artifacts.write_chart(tmp_path / "chart", MADE, PINS)
    artifacts.write_manifests(tmp_path / "manifests", MADE, PINS)
    statements.write(tmp_path)
    return tmp_path


def layer_of(attributes: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as layer:
        folder, file = tarfile.TarInfo("opt"), tarfile.TarInfo("opt/code.py")
        folder.type, folder.pax_headers, file.size = tarfile.DIRTYPE, attributes, 4
        layer.addfile(folder)
        layer.addfile(file, io.BytesIO(b"code"))
    return content.getvalue()


def test_an_image_that_was_built_without_root_is_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for number, attributes in enumerate(({}, {"SCHILY.xattr.user.overlay.impure": "y"})):
        layer, archive = layer_of(attributes), tmp_path / f"{number}.tar"
        history = [{"created_by": "COPY", "comment": f"FROM {number}"}, {"created_by": "USER"}]
        config = {"rootfs": {"diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}, "history": history}
        manifest = [{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l.tar"]}]
        files = {"l.tar": layer, "c.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
        with tarfile.open(archive, "w") as outer:
            for file, content in files.items():
                entry = tarfile.TarInfo(file)
                entry.size = len(content)
                outer.addfile(entry, io.BytesIO(content))
        settle(archive)
        found.append(archive.read_bytes())
        with tarfile.open(archive) as outer:
            held = {name: outer.extractfile(name) for name in outer.getnames()}
            parts = {name: file.read() for name, file in held.items() if file}
        (image,) = json.loads(parts["manifest.json"])
        diff_ids = json.loads(parts[image["Config"]])["rootfs"]["diff_ids"]
        assert diff_ids == [f"sha256:{hashlib.sha256(parts[name]).hexdigest()}" for name in image["Layers"]]
        assert image["Config"] == f"{hashlib.sha256(parts[image['Config']]).hexdigest()}.json"
        assert parts[image["Layers"][0]] == layer_of({})
    assert found[0] == found[1]


def test_all_parts_have_one_version() -> None:
    assert len(set(versions().values())) == 1
    packages = (path for path in ROOT.glob("*/src/*/__init__.py") if "__version__" in path.read_text())
    assert versions().keys() >= {str(path.relative_to(ROOT)) for path in packages}


def test_a_writer_installs_command_and_trainer_of_the_same_version() -> None:
    version = versions()["scriptmodel/pyproject.toml"]
    needed = tomllib.loads((ROOT / "scriptmodel/pyproject.toml").read_text())["project"]["dependencies"]
    assert needed == [f"scriptmodel-operator=={version}", f"scriptmodel-trainer[cpu]=={version}"]


def test_two_builds_by_other_accounts_are_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source, "created", "2026-01-01T00:00:00Z")
    for name, mask, zone in (("a", 0o022, "UTC"), ("b", 0o077, "JST-9")):
        monkeypatch.setenv("TZ", zone)
        before = os.umask(mask)
        artifacts.write_all(tmp_path / name, MADE, PINS)
        statements.write(tmp_path / name)
        os.umask(before)
    assert statements.compare(tmp_path / "a", tmp_path / "b") == 12
    assert len(list((tmp_path / "a" / "python").iterdir())) == 8


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "python"
    artifacts.write_distributions(folder, MADE)
    return folder


@pytest.mark.parametrize("name", DISTRIBUTED)
def test_a_wheel_has_what_an_index_shows_and_the_licence(python: Path, name: str) -> None:
    described = f"{name}-{MADE.version}.dist-info"
    with zipfile.ZipFile(python / f"{name}-{MADE.version}-py3-none-any.whl") as wheel:
        shown = message_from_bytes(wheel.read(f"{described}/METADATA"))
        assert wheel.read(f"{described}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert shown["Description-Content-Type"] == "text/markdown"
    assert "](.." not in shown.get_payload()  # an index has no other files
    pages = dict(page.split(", ") for page in shown.get_all("Project-URL", []))
    assert pages.keys() == {"Homepage", "Documentation", "Changelog", "Issues"}
    assert all(page.startswith(HOME) for page in pages.values())
    pythons = [each.rpartition(" ")[2] for each in shown.get_all("Classifier", []) if "Python" in each]
    assert pythons == ["3.11", "3.12", "3.13"]


@pytest.mark.parametrize("name", DISTRIBUTED)
def test_an_sdist_becomes_the_same_wheel_outside_a_checkout(
    python: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(MADE.epoch))
    sdist = python / f"{name}-{MADE.version}.tar.gz"
    subprocess.run(["tar", "--extract", f"--file={sdist}", f"--directory={tmp_path}"], check=True)
    folder, file = tmp_path / f"{name}-{MADE.version}", f"{name}-{MADE.version}-py3-none-any.whl"
    subprocess.run([OPERATOR_ENV / "bin/hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=folder, check=True)
    assert (tmp_path / file).read_bytes() == (python / file).read_bytes()


def test_a_whole_release_is_verified(release: Path) -> None:
    assert statements.verify(release) == 4


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda folder: (folder / "manifests/crd.yaml").open("ab").write(b"\n"), "manifests/crd.yaml"),
        (lambda folder: (folder / "manifests/crd.yaml").unlink(), "manifests/crd.yaml"),
        (lambda folder: (folder / "more").touch(), "more"),
    ],
    ids=["changed", "missing", "added"],
)
def test_what_differs_is_named(release: Path, change: Callable[[Path], object], name: str) -> None:
    change(release)
    with pytest.raises(ReleaseError, match=f"^1 files are not what SHA256SUMS says:\n{name}$"):
        statements.verify(release)


@pytest.mark.parametrize("case", range(8))
def test_a_release_of_which_one_byte_differs_is_refused(release: Path, case: int) -> None:
    chosen = random.Random(SEED * 8 + case)
    path = chosen.choice(sorted(path for path in release.rglob("*") if path.is_file()))
    content = bytearray(path.read_bytes())
    content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
    path.write_bytes(content)
    with pytest.raises(ReleaseError):
        statements.verify(release)


def test_another_build_that_differs_is_named(release: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "dist"
    shutil.copytree(release, other)
    (other / "manifests/crd.yaml").write_text("changed")
    (other / "more").touch()
    with pytest.raises(ReleaseError, match=r"^2 files are not the same in .*:\nmanifests/crd\.yaml\nmore$"):
        statements.compare(release, other)


def test_chart_and_manifests_have_the_images_by_digest(release: Path) -> None:
    with tarfile.open(next((release / "chart").iterdir())) as chart:
        values = yaml.safe_load(chart.extractfile("scriptmodel-operator/values.yaml") or b"")
    assert values["image"]["registry"] == "registry.example/team"
    images = [values["image"], values["trainer"]["image"], values["storage"]["server"]["image"]]
    assert [image["digest"][-1] for image in images] == ["1", "2", "4"]
    text = (release / "manifests/install.yaml").read_text()
    for name in ("operator", "trainer"):
        whole = f"scriptmodel-{name}:{MADE.version}"
        assert f" registry.example/team/{whole}@{IMAGES[whole]}" in text


def test_an_sbom_depends_on_its_image_alone_and_has_all_licences() -> None:
    image = images.Built("scriptmodel-operator", "0.1.0-amd64", "sha256:1")
    made = Mock(created="2026-01-01T00:00:00Z")
    parts = [{"name": "jinja2"}, {"name": "kopf", "licenses": ["MIT"]}, {"name": "other"}]
    document = {"serialNumber": "1", "metadata": {"timestamp": "1", "component": {}}, "components": parts}
    settled = images.settled(document, image, made)
    assert settled == images.settled(json.loads(json.dumps(document).replace('"1"', '"2"')), image, made)
    assert settled != images.settled(document, replace(image, digest="sha256:2"), made)
    licences = [{"license": {"id": "BSD-3-Clause"}}]
    assert [each.get("licenses") for each in settled["components"]] == [licences, ["MIT"], None]


@pytest.mark.parametrize("name", [each.rpartition(":")[0] for each in IMAGES if not each.endswith("gpu")])
def test_openvex_names_the_image_and_why_each_vulnerability_is_none(name: str) -> None:
    document = images.vex(Mock(created="2026-01-01T00:00:00Z"), images.Built(name, "0.1.0", "sha256:1"))
    assert document.keys() >= {"@context", "@id", "author", "timestamp", "version"}
    assert document["statements"]
    for statement in document["statements"]:
        assert statement["products"] == [{"@id": f"pkg:oci/{name}@sha256%3A1"}]
        assert statement["vulnerability"]["name"].startswith("GO-" if name.endswith("s3") else "CVE-")
        assert statement["justification"]


def test_one_file_applies_what_the_kustomization_does(release: Path) -> None:
    found = list(yaml.safe_load_all((release / "manifests/install.yaml").read_text()))
    names = yaml.safe_load((ROOT / "manifests/kustomization.yaml").read_text())["resources"]
    texts = [PINS.manifest((ROOT / "manifests" / name).read_text()) for name in names]
    assert found == [each for text in texts for each in yaml.safe_load_all(text) if each]


def test_a_release_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dev.release.source.git", lambda *_words: "")
    with pytest.raises(ReleaseError, match=r"has version .*, not 9\.9\.9"):
        source("9.9.9")


def test_an_image_names_its_commit_whatever_tags_and_commits_the_clone_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dev.images.__main__.ROOT", tmp_path)

    def run(*words: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    run("init", "--quiet")
    run("commit", "--quiet", "--allow-empty", "--message=Start")
    run("tag", "--annotate", "v1.0.0", "--message=v1.0.0")
    assert revision() == run("rev-parse", "HEAD")


def test_base_images_are_named_with_their_registry_by_digest() -> None:
    # podman asks which registry, and where nobody answers fails
    for name in ("operator", "trainer"):
        text = (ROOT / f"Dockerfile.{name}").read_text()
        assert re.search(r"^ARG BASE=docker\.io/\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)


def test_the_sums_are_signed_by_the_identity_that_signs_the_images(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (release / images.DIGESTS).write_text('{"scriptmodel-s3:0.1.0": "sha256:1"}')
    monkeypatch.setattr(publishing, "tool", str)
    monkeypatch.setattr(
        publishing,
        "run",
        lambda words: Path(words[words.index("--bundle") + 1]).touch() if "--bundle" in words else None,
    )
    publishing.push(release, "registry.example/team", key="", keyless=True)
    assert publishing.verify(release, "").startswith("signed by an identity")
    assert "SHA256SUMS.sigstore.json" not in statements.sums(release)
