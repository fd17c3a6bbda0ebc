"""Downloads kube-apiserver, etcd and kubectl as Kubernetes' controller-tools publish them for tests (envtest)."""

import hashlib
import io
import platform
import tarfile
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path

from dev.paths import cache
from dev.programs.gobuild import BuildError, say

VERSION = "v1.34.1"
"""The newest that envtest-releases.yaml of controller-tools has of the minor release in dev/programs/controlplane."""
RELEASES = "https://github.com/kubernetes-sigs/controller-tools/releases/download"
ARCHIVES = {
    "x86_64": (
        f"envtest-{VERSION}-linux-amd64.tar.gz",
        "c5e7c237ae18a8c65d0df1214b864ecd19aa9ff4f1383dbd477c202546d778c0"
        "f74efe15750ec38f57d8de26ba17cd62f404446cdd3c975399a5d4589de35cdd",
    ),
    "aarch64": (
        f"envtest-{VERSION}-linux-arm64.tar.gz",
        "bf13d2456183e66d084e28e1c9eed6a408fb77a06d8d1fd0461a7d9bc0c90b63"
        "d29ea67870b28f80d1f992acb026007d6f43987753c859c81d6a78bc1ca2c903",
    ),
}
"""The archive and its SHA-512 by machine."""
ANSWER_SECONDS = 10.0


def programs(wanted: tuple[str, ...]) -> Path | None:
    """Return a folder with the programs, downloaded once for all clones; None if no server has them for this machine.

    Raises BuildError for an archive that is not the published one.
    """
    if platform.machine() not in ARCHIVES:
        return None
    archive, digest = ARCHIVES[platform.machine()]
    target = cache() / "envtest" / archive.removesuffix(".tar.gz")
    if target.exists():
        return target
    url = f"{RELEASES}/envtest-{VERSION}/{archive}"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - our URL
            say(f"control plane: downloading {url}")
            content = answer.read()
    except (OSError, HTTPException) as error:
        say(f"control plane: cannot download {url} ({error})")
        return None
    if (found := hashlib.sha512(content).hexdigest()) != digest:
        raise BuildError(
            f"{url} has the SHA-512 {found}, not the published {digest}: something between here and GitHub changes "
            "downloads; set KUBEBUILDER_ASSETS to a folder with the programs"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(fileobj=io.BytesIO(content)) as packed:
        (made := Path(folder, "programs")).mkdir()
        for member in packed:
            path = made / member.name.rpartition("/")[2]
            if path.name in wanted and (program := packed.extractfile(member)):
                path.write_bytes(program.read())
                path.chmod(0o755)
        if not target.exists():  # another clone may have been faster
            made.rename(target)
    return target
