"""The image build on the host: choice of the engine, secrets, removed files, and the printed summary."""

import ctypes
import io
import json
import re
import shutil
import tarfile
from pathlib import Path

import _cffi_backend
import pytest

from dev.images import slim, sources
from dev.images.archive import Package, read
from dev.images.sbom import cyclonedx
from dev.paths import ROOT
from dev.programs import binaries

LOCKS = ROOT / "dev" / "requirements"


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def versions(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (LOCKS / lock).read_text(), re.MULTILINE))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_pips_index_and_certificates_reach_the_build_as_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text("certificate")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:password@index.example/simple")
    monkeypatch.setenv("PIP_CERT", str(authority))
    found = sources.secrets(tmp_path)
    assert found["ca.crt"].read_text() == "certificate"
    assert found["pip.conf"].stat().st_mode & 0o077 == 0
    text = found["pip.conf"].read_text()
    assert "index-url = https://user:password@index.example/simple" in text
    assert "cert = /run/secrets/ca.crt" in text


def test_uvs_index_is_used_where_pip_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://index.example/simple")
    assert sources.pip_settings()["index-url"] == "https://index.example/simple"


def test_a_library_works_without_its_symbol_tables(tmp_path: Path) -> None:
    library = tmp_path / "tensorflow" / "python" / "some.so"
    library.parent.mkdir(parents=True)
    shutil.copyfile(_cffi_backend.__file__, library)
    before = library.stat().st_size
    cut = dict(slim.cut(tmp_path))
    assert 0 < cut["symbol tables"] == before - library.stat().st_size
    assert ctypes.CDLL(str(library)).PyInit__cffi_backend


def test_packages_that_training_never_imports_are_removed_with_their_records(tmp_path: Path) -> None:
    for name in ("clang/cindex.py", "libclang-18.1.1.dist-info/METADATA", "keras/models.py", "keras/models_test.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    list(slim.cut(tmp_path))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["models.py"]


DPKG = """Package: zlib1g
Status: install ok installed
Architecture: amd64
Version: 1:1.2.13+dfsg-1

Package: gone
Status: deinstall ok config-files
Version: 1
"""
METADATA = """Name: My_Package
Version: 2.0
License-Expression: MIT

Text"""


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def layer(files: dict[str, str]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, text in files.items():
            add(archive, name, text.encode())
    return written.getvalue()


def test_the_sbom_lists_the_packages_of_the_image(tmp_path: Path) -> None:
    site = "opt/app/lib/python3.11/site-packages"
    old = f"{site}/old-1.dist-info/METADATA"
    layers = {
        "a.tar": layer({"var/lib/dpkg/status": DPKG, old: "Name: old\nVersion: 1\n"}),
        "b.tar": layer(
            {
                f"./{site}/.wh.old-1.dist-info": "",
                f"./{site}/My_Package-2.0.dist-info/METADATA": METADATA,
            }
        ),
    }
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        add(archive, "manifest.json", json.dumps([{"Config": "c.json", "Layers": list(layers)}]).encode())
        add(archive, "c.json", b'{"config": {}}')
        for name, content in layers.items():
            add(archive, name, content)
    content = read(tmp_path / "image.tar")
    assert content.packages == (
        Package("deb", "zlib1g", "1:1.2.13+dfsg-1", "", "amd64"),
        Package("pypi", "My_Package", "2.0", "MIT"),
    )
    bill = cyclonedx("app", "1", content)
    assert [component["purl"] for component in bill["components"]] == [
        "pkg:deb/debian/zlib1g@1:1.2.13+dfsg-1?arch=amd64",
        "pkg:pypi/my-package@2.0",
    ]
    assert bill["components"][1]["licenses"] == [{"expression": "MIT"}]


def test_the_sbom_of_a_go_program_lists_the_modules_that_are_linked_into_it(tmp_path: Path) -> None:
    lines = ("path\tx/cmd", "mod\tgithub.com/x/y\tv1.8.0\th1:a=", "dep\tgolang.org/x/net\tv0.58.0\th1:b=", "build\t-x")
    modules = "\n".join(("", *lines, ""))
    program = "\x7fELF\xff\xff Go buildinf:\x08\x02" + "\0" * 16 + "\x08go1.26.8\xff" + modules
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        add(archive, "manifest.json", json.dumps([{"Config": "c.json", "Layers": ["a.tar"]}]).encode())
        add(archive, "c.json", b'{"config": {}}')
        files = io.BytesIO()
        with tarfile.open(fileobj=files, mode="w") as layered:
            add(layered, "versitygw", program.encode("latin-1"))
        add(archive, "a.tar", files.getvalue())
    bill = cyclonedx("s3", "1", read(tmp_path / "image.tar"))
    assert [component["purl"] for component in bill["components"]] == [
        "pkg:golang/github.com/x/y@v1.8.0",
        "pkg:golang/golang.org/x/net@v0.58.0",
        "pkg:golang/stdlib@1.26.8",
    ]


@pytest.mark.parametrize(
    ("runtime", "tested"),
    [
        ("operator-runtime.txt", "operator.txt"),
        ("trainer-cpu-runtime.txt", "trainer.txt"),
        ("trainer-gpu-runtime.txt", "trainer.txt"),
        ("wheel.txt", "operator.txt"),
    ],
)
def test_an_image_holds_the_versions_that_were_tested(runtime: str, tested: str) -> None:
    known = versions(tested) | {"tensorflow": versions("trainer.txt")["tensorflow-cpu"]}
    found = {name: version for name, version in versions(runtime).items() if not name.startswith("nvidia-")}
    assert found
    assert found == {name: known[name] for name in found}


def test_the_node_is_of_the_control_planes_version() -> None:
    assert binaries.NODE.version == binaries.CONTROL_PLANE.version
