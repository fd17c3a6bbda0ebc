"""The checksums of a release, as `sha256sum` writes them."""

import subprocess
from pathlib import Path

from dev.release.source import ReleaseError

SUMS = "SHA256SUMS"
BUNDLE, KEY = f"{SUMS}.sigstore.json", "cosign.pub"
"""Not in the sums, as they themselves: who has another key, or none, makes the same release."""


def sums(folder: Path) -> str:
    """Return the lines of SHA256SUMS for a folder, in the order of its paths."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names = sorted(name for name in paths if name not in (SUMS, BUNDLE, KEY))
    return subprocess.run(["sha256sum", "--", *names], cwd=folder, capture_output=True, text=True, check=True).stdout


def write(folder: Path) -> None:
    """Write the checksums of all files."""
    (folder / SUMS).write_text(sums(folder))


def verify(folder: Path) -> int:
    """Return the number of files, all of which have their checksum. Raises ReleaseError, which names what is wrong."""
    # One that is damaged is read, too, to be named.
    return _equal((folder / SUMS).read_bytes().decode(errors="replace"), sums(folder), f"what {SUMS} says")


def compare(one: Path, other: Path) -> int:
    """Return how many files two builds have. Raises ReleaseError, which names those that are not the same bytes.

    Only a signature may differ: ECDSA takes a random number for each.
    """
    return _equal(sums(one), sums(other), f"the same in {one} and {other}")


def _equal(listed: str, found: str, what: str) -> int:
    first, second = listed.split("\n"), found.split("\n")
    if listed != found:
        names = sorted({line.partition("  ")[2] or repr(line) for line in {*first} ^ {*second}})
        raise ReleaseError(f"{len(names)} files are not {what}:\n" + "\n".join(names))
    return len(first) - 1
