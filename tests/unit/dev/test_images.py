"""The image build on the host: secrets, and the lowest layer."""

import re
from pathlib import Path

import pytest

from dev.images import root, sources
from dev.paths import ROOT
from dev.programs import built, debian

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


PACKAGES = {
    "base-files": ("tmp/", "etc/", "etc/debian_version"),
    "libc6:arm64": ("usr/lib/", "usr/lib/libc.so.6", "usr/share/doc/libc6/NEWS", "usr/share/doc/libc6/copyright"),
    "libgcc-s1:arm64": ("usr/lib/libgcc_s.so.1", "usr/share/doc/libgcc-s1"),
    "libpython3.11-stdlib:arm64": ("usr/lib/python3.11/os.py", "usr/lib/python3.11/idlelib/help.py"),
    "dash": ("bin/sh",),
}


@pytest.fixture(scope="module")
def lowest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lowest layer of an image, from a base of these packages."""
    base = tmp_path_factory.mktemp("base")
    known = base / "var/lib/dpkg"
    (known / "info").mkdir(parents=True)
    for package, names in PACKAGES.items():
        (known / "info" / f"{package}.list").write_text("".join(f"/{name.rstrip('/')}\n" for name in names))
        for name in names:
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            (base / name).mkdir(exist_ok=True) if name.endswith("/") else (base / name).write_text("")
    (base / "usr/share/doc/gcc-12-base").mkdir()  # of a package that no image needs
    (base / "usr/share/doc/gcc-12-base/copyright").write_text("GPL")
    (base / "usr/share/doc/libgcc-s1").unlink()
    (base / "usr/share/doc/libgcc-s1").symlink_to("gcc-12-base")
    records = (f"Package: {name.partition(':')[0]}\nVersion: 1\n" for name in PACKAGES)
    (known / "status").write_text("\n".join(records))
    layer = tmp_path_factory.mktemp("layer")
    root.write(base, layer)
    return layer


def test_the_lowest_layer_has_the_files_and_licences_of_its_packages(lowest: Path) -> None:
    found = {path.relative_to(lowest).as_posix() for path in lowest.rglob("*") if path.is_file()}
    assert {"usr/lib/libc.so.6", "usr/lib/python3.11/os.py", "usr/share/doc/libc6/copyright"} <= found
    assert (lowest / "usr/share/doc/libgcc-s1/copyright").read_text() == "GPL"
    assert not found & {"bin/sh", "usr/share/doc/libc6/NEWS", "usr/lib/python3.11/idlelib/help.py"}
    assert (lowest / "tmp").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize(("suites", "known"), [(("bookworm", "bookworm-security"), True), (("bookworm",), False)])
def test_a_base_without_an_archive_of_security_updates_is_refused(
    path: Path, suites: tuple[str, ...], known: bool
) -> None:
    program(path, "apt-get", "\n".join(f"echo {suite} main http://archive.example/{suite}" for suite in suites))
    if known:
        assert debian.mirrors() == {suite: f"http://archive.example/{suite}" for suite in suites}
    else:
        with pytest.raises(debian.MissingProgramError, match="no archive of bookworm-security: add one"):
            debian.mirrors()


@pytest.mark.parametrize(
    ("runtime", "tested"),
    [
        ("operator-runtime.txt", "operator.txt"),
        ("trainer-cpu-runtime.txt", "trainer.txt"),
        ("trainer-cpu-aarch64-runtime.txt", "trainer.txt"),
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
    assert built.NODE.version == built.CONTROL_PLANE.version
