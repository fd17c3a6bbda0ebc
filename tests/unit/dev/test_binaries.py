"""The control plane's binaries are used from the machine if it has them, and built otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev import binaries


def programs_in(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(binaries, "_build", lambda: Path("built"))


def test_the_folder_in_kubebuilder_assets_has_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = programs_in(tmp_path / "assets", *binaries.PROGRAMS)
    monkeypatch.setenv("PATH", str(programs_in(tmp_path / "path", *binaries.PROGRAMS)))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    assert binaries.find_or_build() == assets


def test_an_incomplete_kubebuilder_assets_is_an_error_that_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(programs_in(tmp_path / "assets", "etcd", "kubectl")))
    with pytest.raises(binaries.BuildError, match="lacks kube-apiserver"):
        binaries.find_or_build()


def test_path_is_used_when_one_folder_has_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = programs_in(tmp_path / "path", *binaries.PROGRAMS)
    monkeypatch.setenv("PATH", str(folder))
    assert binaries.find_or_build() == folder


def test_a_lone_kubectl_on_path_does_not_stop_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs_in(tmp_path / "path", "kubectl")))
    assert binaries.find_or_build() == Path("built")


def test_the_version_that_is_built_is_the_one_of_the_go_module() -> None:
    assert binaries.CONTROL_PLANE.version.startswith("v1.34.")
