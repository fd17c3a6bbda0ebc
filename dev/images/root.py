"""Writes the lowest layer of an image during its build: Python and its libraries, without shell and package manager.

`python root.py BASE ROOT` copies them from an unpacked Debian, which may be of another architecture than this machine;
no program of it is run.
"""

import compileall
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

PACKAGES = (
    *(
        "base-files",
        "ca-certificates",
        "libc6",
        "libgcc-s1",
        "libstdc++6",
        "media-types",
        "netbase",
        "tzdata",
        "zlib1g",
    ),
    *("libbz2-1.0", "libcrypt1", "libdb5.3", "libexpat1", "libffi8", "liblzma5", "libsqlite3-0", "libssl3", "libuuid1"),
    *("libncursesw6", "libpanelw6", "libreadline8", "libtinfo6"),
    *(
        "libpython3.11-minimal",
        "libpython3.11-stdlib",
        "python3",
        "python3-minimal",
        "python3.11",
        "python3.11-minimal",
    ),
)
"""Those of them that the base has: Docker's image of Python has its own Python in /usr/local."""
OMITTED = (
    "/usr/share/doc/",
    "/usr/share/man/",
    "/usr/share/info/",
    "/usr/share/locale/",
    "/usr/share/lintian/",
    "/usr/share/python3/",
)
OWN_PYTHON = ("bin/python3", "bin/python3.11", "lib/libpython3*", "lib/python3.11")
UNUSED = ("ensurepip", "idlelib", "site-packages", "test", "tkinter", "turtledemo")
ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/sbin/nologin\nscriptmodel:x:65532:65532::/tmp:/sbin/nologin\n",
    "group": "root:x:0:\nscriptmodel:x:65532:\n",
}


def write(base: Path, root: Path) -> None:
    """Write the files of the packages, their records, and the few files that their installation would make."""
    for name in ("lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in PACKAGES:
        _copy_package(base, root, package)
    for pattern in OWN_PYTHON:
        for path in base.glob(f"usr/local/{pattern}"):
            _copy(path, root / path.relative_to(base))
    for library in (*root.glob("usr/lib/python3.11"), *root.glob("usr/local/lib/python3.11")):
        for unwanted in (*(library / name for name in UNUSED), *library.rglob("__pycache__")):
            shutil.rmtree(unwanted, ignore_errors=True)
        compileall.compile_dir(
            library, quiet=1, stripdir=str(root), invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
        )
    (root / "tmp").chmod(0o1777)
    for name, text in ACCOUNTS.items():
        (root / "etc" / name).write_text(text)
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    # Certificates do not depend on the architecture: those of this machine were made by update-ca-certificates.
    shutil.copytree("/etc/ssl/certs", root / "etc/ssl/certs", symlinks=True, dirs_exist_ok=True)
    (root / "usr/lib/ssl").mkdir()
    (root / "usr/lib/ssl/certs").symlink_to("/etc/ssl/certs")


def _copy_package(base: Path, root: Path, package: str) -> None:
    """Copy its files, and its record to where tools look for it in an image without a package manager."""
    known = base / "var/lib/dpkg"
    lists = [*known.glob(f"info/{package}.list"), *known.glob(f"info/{package}:*.list")]
    if not lists:
        return
    for line in lists[0].read_text().splitlines():
        if not line.startswith(OMITTED):
            _copy(base / line[1:], root / line[1:])
    licence = f"usr/share/doc/{package}/copyright"  # the folder may be a link to that of a package that is not copied
    _copy((base / licence).resolve(), root / licence)
    records = (known / "status").read_text().split("\n\n")
    (record,) = (text for text in records if text.startswith(f"Package: {package}\n"))
    target = root / "var/lib/dpkg/status.d" / package
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(record.strip() + "\n")


def _copy(path: Path, target: Path) -> None:
    """Copy a file, a link as a link, or a folder; one that the base has removed is left out."""
    if path.is_dir() and not path.is_symlink():
        if path.name == "python3.11" and "local" in path.parts:
            shutil.copytree(path, target, symlinks=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
    elif path.is_symlink() or path.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_dir():
            shutil.copy2(path, target, follow_symlinks=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
