"""Downloads kube-apiserver, etcd and kubectl as Kubernetes' controller-tools publish them for tests (envtest)."""

import hashlib
import platform
import shutil
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
_PIECE_BYTES = 1 << 20


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
    target.parent.mkdir(parents=True, exist_ok=True)
    url = f"{RELEASES}/envtest-{VERSION}/{archive}"
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        file = Path(folder, archive)
        try:
            found = _download(url, file)
        except (OSError, HTTPException) as error:
            say(f"control plane: cannot download {url} ({error})")
            return None
        if found != digest:
            raise BuildError(
                f"{url} has the SHA-512 {found}, not the published {digest}: something between here and GitHub changes "
                "downloads; set KUBEBUILDER_ASSETS to a folder with the programs"
            )
        _unpack(file, Path(folder, "programs"), wanted)
        if not target.exists():  # another clone may have been faster
            Path(folder, "programs").rename(target)
    return target


def _download(url: str, file: Path) -> str:
    """Write the file and return its SHA-512.

    Raises OSError or HTTPException if the server does not answer in time or the answer breaks off.
    """
    digest = hashlib.sha512()
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer, file.open("wb") as out:  # noqa: S310 - our URL
        say(f"control plane: downloading {url}")
        while piece := answer.read(_PIECE_BYTES):
            digest.update(piece)
            out.write(piece)
        if out.tell() != int(answer.headers.get("Content-Length", out.tell())):
            raise OSError("the answer broke off")
    return digest.hexdigest()


def _unpack(file: Path, folder: Path, wanted: tuple[str, ...]) -> None:
    folder.mkdir()
    with tarfile.open(file) as archive:
        for member in archive:
            name = Path(member.name).name
            content = archive.extractfile(member) if name in wanted else None
            if content is not None:
                with content, (folder / name).open("wb") as program:
                    shutil.copyfileobj(content, program)
                (folder / name).chmod(0o755)
