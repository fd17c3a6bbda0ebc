"""What is released: the same bytes each time, and checked byte by byte."""

import hashlib
import io
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dev.paths import ROOT
from dev.release import artifacts, statements, wheelhouse
from dev.release.source import ReleaseError, Source, bases, source, versions

MADE = Source(versions()["operator/pyproject.toml"], "a" * 40, 1_700_000_000)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Source, "created", "2026-01-01T00:00:00Z")
    artifacts.write_chart(tmp_path / "chart", MADE)
    artifacts.write_manifests(tmp_path / "manifests", MADE)
    artifacts.write_plugin(tmp_path / "plugin", MADE)
    statements.write(tmp_path, MADE)
    return tmp_path


def test_all_parts_have_one_version() -> None:
    assert len(set(versions().values())) == 1


def test_a_writer_installs_command_and_trainer_of_the_same_version() -> None:
    version = versions()["scriptmodel/pyproject.toml"]
    needed = tomllib.loads((ROOT / "scriptmodel/pyproject.toml").read_text())["project"]["dependencies"]
    assert needed == [f"scriptmodel-operator=={version}", f"scriptmodel-trainer[cpu]=={version}"]


def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        artifacts.write_all(tmp_path / name, MADE)
    assert statements.sums(tmp_path / "a") == statements.sums(tmp_path / "b")
    assert len(list((tmp_path / "a" / "python").iterdir())) == 8


def test_an_archive_of_wheels_depends_on_them_and_the_time_alone(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("b.whl", "a.whl")]
    for each in files:
        each.write_text(each.name)
    wheelhouse.pack(files, tmp_path / "first.tar", MADE.epoch)
    files[0].chmod(0o600)
    wheelhouse.pack(files[::-1], tmp_path / "second.tar", MADE.epoch)
    assert (tmp_path / "first.tar").read_bytes() == (tmp_path / "second.tar").read_bytes()
    with tarfile.open(tmp_path / "first.tar") as found:
        assert found.getnames() == ["wheelhouse/a.whl", "wheelhouse/b.whl"]


def test_a_whole_release_is_verified(release: Path) -> None:
    assert statements.verify(release) == 7


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda folder: (folder / "manifests/crd.yaml").open("ab").write(b"\n"), "manifests/crd.yaml is not what was"),
        (lambda folder: (folder / "manifests/crd.yaml").unlink(), "manifests/crd.yaml is missing"),
        (lambda folder: (folder / "more").touch(), "more is not in SHA256SUMS"),
        (lambda folder: (folder / statements.PROVENANCE).open("ab").write(b" "), "provenance.intoto.json is not what"),
    ],
    ids=["changed", "missing", "added", "provenance"],
)
def test_what_differs_is_named(release: Path, change: Callable[[Path], object], problem: str) -> None:
    change(release)
    with pytest.raises(ReleaseError, match=problem):
        statements.verify(release)


def test_the_manifest_of_the_plugin_has_the_digest_of_its_archive(release: Path) -> None:
    (platform,) = yaml.safe_load((release / "plugin/scriptmodel.yaml").read_text())["spec"]["platforms"]
    archive = release / "plugin" / platform["uri"].rpartition("/")[2]
    assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    with tarfile.open(archive) as found:
        assert found.getmember(platform["bin"]).mode == 0o755


def test_one_file_applies_what_the_kustomization_does(release: Path) -> None:
    found = list(yaml.safe_load_all((release / "manifests/install.yaml").read_text()))
    names = yaml.safe_load((ROOT / "manifests/kustomization.yaml").read_text())["resources"]
    parts = [each for name in names for each in yaml.safe_load_all((ROOT / "manifests" / name).read_text()) if each]
    assert found == parts


def test_the_archive_of_the_chart_is_a_chart(release: Path) -> None:
    (path,) = (release / "chart").iterdir()
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as found:
        assert {"Chart.yaml", "values.yaml", "values.schema.json", "templates"} <= {
            name.split("/")[1] for name in found.getnames()
        }


def test_a_release_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dev.release.source._git", lambda *_words: "")
    with pytest.raises(ReleaseError, match=r"has version .*, not 9\.9\.9"):
        source("9.9.9")


def test_base_images_are_named_by_digest() -> None:
    assert all(digest.startswith("sha256:") for digest in bases().values())
    assert len(bases()) >= 1
