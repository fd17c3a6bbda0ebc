"""The control plane's binaries are used from the machine if it has them, downloaded, or built."""

import hashlib
import io
import os
import platform
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.processes import free_port
from dev.programs import built, envtest
from tests.web import Answer, WebServer, content


def programs_in(folder: Path, *names: str) -> Path:
    """Make a folder with programs of these names, which do nothing, and return it."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _no_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is in the cache, nothing is built, and nobody listens where the archive is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(envtest, "RELEASES", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(built, "build", lambda *_args: Path("built"))


def test_the_folder_in_kubebuilder_assets_has_priority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = programs_in(tmp_path / "assets", *built.PROGRAMS)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    assert built.find_or_build() == assets


def test_what_is_built_and_what_is_downloaded_have_one_minor_version() -> None:
    assert built.CONTROL_PLANE.version.startswith("v1.34.")
    assert envtest.VERSION.startswith("v1.34.")


def archive() -> bytes:
    """Return an archive with the folders of controller-tools' own."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in (*built.PROGRAMS, "LICENSE"):
            member = tarfile.TarInfo(f"controller-tools/envtest/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    return packed.getvalue()


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], None]]:
    """A function that sets the answer to the request for the archive."""
    with WebServer() as server:
        monkeypatch.setattr(envtest, "RELEASES", server.url(""))
        monkeypatch.setattr(
            envtest, "ARCHIVES", {platform.machine(): ("a.tar.gz", hashlib.sha512(archive()).hexdigest())}
        )
        yield lambda answer: server.answers.update({f"/envtest-{envtest.VERSION}/a.tar.gz": answer})


def test_the_published_archive_is_downloaded_once(
    releases: Callable[[Answer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    releases(content(archive()))
    folder = built.find_or_build()
    assert {each.name: each.read_text() for each in folder.iterdir()} == {name: name for name in built.PROGRAMS}
    assert all(os.access(each, os.X_OK) for each in folder.iterdir())
    assert built.find_or_build() == folder
    assert capsys.readouterr().err.count("downloading") == 1
    assert [each.name for each in folder.parent.iterdir()] == ["a"], "nothing else is left"


def test_other_bytes_than_the_published_ones_are_an_error(releases: Callable[[Answer], None]) -> None:
    releases(content(b"another archive"))
    with pytest.raises(built.BuildError, match="not the published"):
        built.find_or_build()
