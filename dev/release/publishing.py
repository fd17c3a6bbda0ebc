"""Signs a release with cosign, checks its signature without a network, and pushes images and chart to a registry."""

import json
from pathlib import Path

from dev.release.images import CHARTS, DIGESTS, run, tool
from dev.release.source import ReleaseError
from dev.release.statements import BUNDLE, KEY, SUMS

OFFLINE = ("--use-signing-config=false", "--tlog-upload=false", "--yes")
"""A key pair needs no server; without a key the workflow signs by its identity, which is logged."""


def sign(dist: Path, key: str) -> None:
    """Sign the sums if a private key is given. COSIGN_PASSWORD is the key's."""
    if key:
        (dist / KEY).write_text(run([tool("cosign"), "public-key", "--key", key]))
        run([tool("cosign"), "sign-blob", "--key", key, "--bundle", str(dist / BUNDLE), *OFFLINE, str(dist / SUMS)])


def verify(dist: Path, key: str) -> str:
    """Return by what the sums are signed. Raises ReleaseError for a wrong signature, and for none if a key is given."""
    if not (dist / BUNDLE).exists():
        if key:
            raise ReleaseError(f"{BUNDLE} is missing: the release is not signed")
        return "not signed"
    if not key and not (dist / KEY).exists():
        return "signed by an identity, which `cosign verify-blob` checks over a network"
    key = key or str(dist / KEY)
    trusted = ("--key", key, "--bundle", str(dist / BUNDLE), "--insecure-ignore-tlog=true")
    run([tool("cosign"), "verify-blob", *trusted, str(dist / SUMS)])
    return f"signed by {key}"


def push(dist: Path, registry: str, key: str, keyless: bool) -> None:
    """Copy images and chart with all that refers to them to a registry, and sign them there if asked to.

    Without a key the sums are signed, too, by the same identity.
    """
    if not registry:
        raise ReleaseError("where to? REGISTRY=host/path")
    digests: dict[str, str] = json.loads((dist / DIGESTS).read_text())
    plain = registry.startswith("127.0.0.1:")
    for name, digest in digests.items():
        repository, _, tag = name.rpartition(":")
        folder = dist / ("chart" if repository.startswith(CHARTS) else "images") / "oci" / repository.rpartition("/")[2]
        options = ["--to-plain-http"] if plain else []
        run([tool("oras"), "copy", "-r", *options, "--from-oci-layout", f"{folder}:{tag}", f"{registry}/{name}"])
        reference = f"{registry}/{repository}@{digest}"
        if key or keyless:
            options = ["--allow-http-registry"] if plain else []
            signer = ("--key", key, *OFFLINE) if key else ("--yes",)
            run([tool("cosign"), "sign", *signer, *options, reference])
        print(f"release: pushed {reference}{', signed' if key or keyless else ''}", flush=True)
    if keyless:
        run([tool("cosign"), "sign-blob", "--yes", "--bundle", str(dist / BUNDLE), str(dist / SUMS)])
