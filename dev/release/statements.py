"""What a release says of itself: checksums, and its provenance as an in-toto statement (SLSA 1.0)."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dev.paths import ROOT
from dev.release.source import HOME, ReleaseError, Source, bases, locks

SUMS, PROVENANCE = "SHA256SUMS", "provenance.intoto.json"
BUNDLE, KEY = f"{SUMS}.sigstore.json", "cosign.pub"
_OWN = (SUMS, BUNDLE, KEY, PROVENANCE)
"""Files that the sums are not of: who has another key, or none, makes the same release."""


def sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a release, by its path."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = ((path, path.relative_to(folder).as_posix()) for path in paths)
    return {name: _sha256(path) for path, name in names if name not in _OWN}


def write(folder: Path, made: Source, images: str = "none", base: str = "", registry: str = "") -> None:
    """Write the provenance, which has these parameters of the build, and the checksums of all files, of it too."""
    given = {"version": made.version, "images": images, "base": base, "registry": registry}
    found = sums(folder)
    (folder / PROVENANCE).write_text(json.dumps(_statement(found, made, given), indent=1, sort_keys=True) + "\n")
    found[PROVENANCE] = _sha256(folder / PROVENANCE)
    (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(found.items())))


def verify(folder: Path) -> int:
    """Return the number of files, all of which have their checksum. Raises ReleaseError, which names what is wrong."""
    # A damaged file is read, too, to be named: its lines end at line feeds alone.
    lines = (folder / SUMS).read_bytes().decode(errors="replace").removesuffix("\n").split("\n")
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {**sums(folder), PROVENANCE: _sha256(folder / PROVENANCE)}
    for name in sorted(listed.keys() | found.keys()):
        if name not in found:
            raise ReleaseError(f"{name} is missing")
        if name not in listed:
            raise ReleaseError(f"{name} is not in {SUMS}")
        if listed[name] != found[name]:
            raise ReleaseError(f"{name} is not what was released: its SHA-256 is {found[name]}, not {listed[name]}")
    statement = json.loads((folder / PROVENANCE).read_text())
    subjects = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    if subjects != {name: digest for name, digest in listed.items() if name != PROVENANCE}:
        raise ReleaseError(f"{PROVENANCE} is of other files than {SUMS}")
    return len(listed)


def compare(one: Path, other: Path) -> int:
    """Return how many files two builds have. Raises ReleaseError, which names those that are not the same bytes.

    Only a signature may differ: ECDSA takes a random number for each.
    """
    first, second = sums(one), sums(other)
    if differ := sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name)):
        raise ReleaseError(f"{len(differ)} files differ:\n" + "\n".join(differ))
    for name in (PROVENANCE, SUMS):
        if (one / name).read_bytes() != (other / name).read_bytes():
            raise ReleaseError(f"{name} differs")
    return len(first) + 2


def _statement(found: dict[str, str], made: Source, given: dict[str, str]) -> dict[str, Any]:
    # The S3 server has no base, and that of debootstrap no digest: the SBOMs name its packages.
    on_default_base = not given["base"] and given["images"] not in ("none", "s3")
    materials = [{"uri": f"git+{HOME}@v{made.version}", "digest": {"gitCommit": made.commit}}]
    materials += [
        {"uri": f"{HOME}/blob/v{made.version}/{path.relative_to(ROOT)}", "digest": {"sha256": _sha256(path)}}
        for path in locks()
    ]
    materials += [
        {"uri": f"docker-image://{image}", "digest": {"sha256": digest.removeprefix("sha256:")}}
        for image, digest in bases().items()
        if on_default_base
    ]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(found.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{HOME}/blob/main/docs/contributing/releasing.md",
                "externalParameters": given,
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": f"{HOME}/blob/main/Makefile"}},  # not when: two builds are the same bytes
        },
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
