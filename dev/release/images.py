"""The images of a release as OCI layouts: built without a cache, of the commit's time, with SBOM and OpenVEX.

They are put together in a registry on loopback, which ends with the build.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.images.__main__ import build
from dev.images.archive import settle
from dev.images.engine import Engine, find
from dev.images.project import Image, image
from dev.programs.built import helm
from dev.programs.built import release as program
from dev.release.source import HOME, ReleaseError, Source

KINDS = {
    "operator": ("operator", "", ("amd64", "arm64")),
    "trainer": ("trainer", "cpu", ("amd64", "arm64")),
    "trainer-gpu": ("trainer", "gpu", ("amd64",)),
    "s3": ("s3", "", ("amd64", "arm64")),
}
"""Part, variant and architectures of each image. TensorFlow has no wheel with CUDA for arm64."""
SBOM = "application/vnd.cyclonedx+json"
VEX = "application/vnd.openvex+json"
LICENCES = {
    "jinja2": "BSD-3-Clause",
    "markdown-it-py": "MIT",
    "namex": "Apache-2.0",
    "obstore": "MIT",
    "python": "Python-2.0.1",
    "safetensors": "Apache-2.0",
}
"""Licences of packages for which syft reports none, taken from their classifiers and licence files."""
DIGESTS = "digests.json"
"""The digest of each image and of the chart, by repository and tag."""
CHARTS = "charts/"
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Built:
    """An image in the registry on loopback."""

    name: str
    tag: str
    digest: str


def write(dist: Path, made: Source, kinds: list[str], base: str) -> dict[str, str]:
    """Write a layout of each kind, its SBOM and its OpenVEX, and the digests; return those by repository and tag."""
    engine, found = find(), dict[str, str]()
    papers = dist / "sbom"
    papers.mkdir(parents=True)
    with registry() as host:
        for kind in kinds:
            each = _index(engine, host, papers, made, kind, base)
            _layout(host, each, dist / "images" / "oci")
            found[f"{each.name}:{each.tag}"] = each.digest
            print(f"release: {each.name}:{each.tag}@{each.digest}", flush=True)
    _write(dist / DIGESTS, found)
    return found


def write_chart(target: Path, made: Source) -> None:
    """Write the chart's archive as an OCI artifact, as `helm push` does, and add its digest to the others."""
    (chart,) = target.glob("*.tgz")
    os.utime(chart, (made.epoch, made.epoch))  # helm annotates the artifact with the time of the file
    name = CHARTS + chart.name.removesuffix(f"-{made.version}.tgz")
    with registry() as host:
        run([str(helm()), "push", str(chart), f"oci://{host}/{CHARTS}", "--plain-http"], TZ="UTC")
        digest = run([tool("crane"), "digest", f"{host}/{name}:{made.version}"]).strip()
        _layout(host, Built(name, made.version, digest), target / "oci")
    known = json.loads((target.parent / DIGESTS).read_text())
    _write(target.parent / DIGESTS, {**known, f"{name}:{made.version}": digest})
    print(f"release: {name}:{made.version}@{digest}", flush=True)


def _index(engine: Engine, host: str, folder: Path, made: Source, kind: str, base: str) -> Built:
    part, variant, architectures = KINDS[kind]
    name, tag = image(part, variant, made.version).tag.rpartition("/")[2].split(":")
    digests = []
    for architecture in architectures:
        wanted = image(part, variant, made.version, architecture)
        build(engine, wanted, base, made.epoch)
        settle(wanted.archive)
        reference = f"{host}/{name}:{tag}-{architecture}"
        run([tool("crane"), "push", str(wanted.archive), reference])
        platform = ["--set-platform", f"linux/{architecture}", "--tag", reference]
        digests.append(run([tool("crane"), "mutate", *platform, reference]).strip().rpartition("@")[2])
        _attach_sbom(host, folder, made, wanted, Built(name, f"{tag}-{architecture}", digests[-1]))
        wanted.archive.unlink()
    parts = [word for digest in digests for word in ("--manifest", f"{host}/{name}@{digest}")]
    run([tool("crane"), "index", "append", *parts, "--tag", f"{host}/{name}:{tag}"])
    index = Built(name, tag, run([tool("crane"), "digest", f"{host}/{name}:{tag}"]).strip())
    _attach(host, folder, made, index, VEX, f"{name}-{tag}.openvex.json", vex(made, index))
    return index


def _attach_sbom(host: str, folder: Path, made: Source, wanted: Image, each: Built) -> None:
    named = ("--source-name", each.name, "--source-version", made.version, "--output", "cyclonedx-json")
    scan = [tool("syft"), "scan", f"docker-archive:{wanted.archive}", "--quiet", *named]
    # The S3 server's build has left its modules there.
    found = json.loads(run(scan, SYFT_GOLANG_SEARCH_LOCAL_MOD_CACHE_LICENSES="true"))
    _attach(host, folder, made, each, SBOM, f"{each.name}-{each.tag}.cyclonedx.json", settled(found, each, made))


def _attach(host: str, folder: Path, made: Source, each: Built, media: str, file: str, document: Any) -> None:
    _write(folder / file, document)
    created = f"org.opencontainers.image.created={made.created}"
    options = ("--plain-http", "--artifact-type", media, "--annotation", created)
    run([tool("oras"), "attach", *options, f"{host}/{each.name}@{each.digest}", f"{file}:{media}"], folder)


def settled(sbom: dict[str, Any], each: Built, made: Source) -> dict[str, Any]:
    """Return an SBOM with the commit's time, an identifier of its image, and the licences that syft does not find."""
    for part in sbom.get("components", ()):
        if not part.get("licenses") and part["name"] in LICENCES:
            part["licenses"] = [{"license": {"id": LICENCES[part["name"]]}}]
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{HOME}/{each.name}@{each.digest}")
    return {**sbom, "serialNumber": f"urn:uuid:{identity}", "metadata": {**sbom["metadata"], "timestamp": made.created}}


def vex(made: Source, each: Built) -> dict[str, Any]:
    """Return an OpenVEX document of an image: what is known of the vulnerabilities in dev/release/vex.json."""
    product = {"@id": f"pkg:oci/{each.name}@{each.digest.replace(':', '%3A')}"}
    known = json.loads((Path(__file__).parent / "vex.json").read_text())[each.name]
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": f"{HOME}/vex/{each.name}-{each.digest.removeprefix('sha256:')}",
        "author": "scriptmodel maintainers",
        "timestamp": made.created,
        "version": 1,
        "statements": [{**statement, "products": [product]} for statement in known],
    }


def _layout(host: str, each: Built, target: Path) -> None:
    """Copy an image and what refers to it into the layout of its repository."""
    folder = target / each.name.rpartition("/")[2]
    folder.mkdir(parents=True, exist_ok=True)
    reference = f"{host}/{each.name}:{each.tag}"
    run([tool("oras"), "copy", "-r", "--from-plain-http", "--to-oci-layout", reference, f"{folder}:{each.tag}"])
    shutil.rmtree(folder / "ingest", ignore_errors=True)
    settle_index(folder)


def settle_index(layout: Path) -> None:
    """Write in an order what a layout lists, and only what is known of it by itself: oras lists it as it came."""
    index = json.loads((layout / "index.json").read_text())
    for each in index["manifests"]:
        each.pop("platform", None)  # which it has or not by the way on which oras found it, as the artifact's type
        each.pop("artifactType", None)
        manifest = json.loads((layout / "blobs" / each["digest"].replace(":", "/")).read_text())
        each |= {name: manifest[name] for name in ("artifactType",) if name in manifest}
    index["manifests"].sort(key=lambda each: ("annotations" not in each, each["digest"]))
    _write(layout / "index.json", index)


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


@contextmanager
def registry() -> Iterator[str]:
    """Serve an empty registry on loopback; yield its HOST:PORT."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="scriptmodel-registry-") as folder:
        command = [tool("crane"), "registry", "serve", "--address", host, "--disk", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                _await(host, server)
                yield host
            finally:
                server.terminate()


def _await(host: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    address, _, port = host.partition(":")
    with socket.socket() as client:
        while client.connect_ex((address, int(port))):
            if server.poll() is not None or time.monotonic() > deadline:
                raise ReleaseError(f"the registry on {host} does not answer")
            time.sleep(0.05)


def tool(name: str) -> str:
    """Return the path of a program that makes a release."""
    return str(program(name))


def run(command: list[str], folder: Path | None = None, **environment: str) -> str:
    """Run a program and return what it printed. Raises ReleaseError with its messages."""
    env = {**os.environ, **environment}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"`{Path(command[0]).name} {command[1]}` failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout
