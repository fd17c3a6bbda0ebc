"""containerd: its configuration, a word with it, and the images that it is given."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.cluster import network
from dev.images import engine
from dev.images.archive import configuration
from dev.images.project import FOLDER, Image, image
from dev.paths import ROOT
from dev.processes import Program

PAUSE = "docker.io/library/scriptmodel-pause:1"
"""The image that holds a pod's namespaces."""


@dataclass(frozen=True)
class Runtime:
    """The containerd whose state is below `root` and whose images are below `images`."""

    root: Path
    images: Path

    @property
    def socket(self) -> Path:
        """The socket on which it listens."""
        return self.root / "containerd.sock"

    def ctr(self, *words: str) -> str:
        """Ask it; return what it said. CalledProcessError has what went wrong as a note."""
        command = ["ctr", f"--address={self.socket}", "--namespace=k8s.io", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
            error.add_note(done.stderr.strip())
            raise error
        return done.stdout

    def answers(self) -> bool:
        """Return whether containerd answers."""
        try:
            self.ctr("version")
        except subprocess.CalledProcessError:
            return False
        return True

    def program(self) -> Program:
        """Return it as a program that can be started; its configuration is written now."""
        networks = self.root / "cni"
        networks.mkdir(parents=True, exist_ok=True)
        (networks / "10-scriptmodel.conflist").write_text(json.dumps(network.cni(self.root / "addresses")))
        path = self.root / "containerd.toml"
        path.write_text(self._config(networks))
        return Program("containerd", ["containerd", f"--config={path}"], self.root / "containerd.log")

    def _config(self, networks: Path) -> str:
        return f"""
version = 2
root = "{self.images}"
state = "{self.root / "containerd"}"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{self.root / "opt"}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{networks}"
"""


OURS = Runtime(ROOT / "build" / "cluster" / "state", ROOT / "build" / "cluster" / "images")
"""The one of this clone's cluster."""


class NoImageError(Exception):
    """An image was not built; the message says how to build it."""


def ours() -> dict[str, Path]:
    """Return the archives of the project's images, and of what holds a pod together, by tag."""
    built = [image("operator"), image("trainer"), image("s3")]
    missing = [each.archive.name for each in built if not each.archive.exists()]
    if missing:
        raise NoImageError(f"build/images lacks {', '.join(missing)}: run `make images` first")
    # There is no other program in it that could sleep.
    asleep = 'ENTRYPOINT ["/opt/scriptmodel-operator/bin/python3", "-ISc", "import signal; signal.pause()"]\nCMD []\n'
    return {each.tag: each.archive for each in built} | {PAUSE: derive(built[0], PAUSE, asleep)}


def derive(base: Image, tag: str, instructions: str) -> Path:
    """Build an image on one of ours that adds no files, and so takes no further room; return its archive."""
    builder = engine.find()
    with tempfile.TemporaryDirectory(prefix="scriptmodel-derived-") as folder:
        dockerfile = Path(folder, "Dockerfile")
        dockerfile.write_text(f"FROM {base.tag}\n{instructions}")
        builder.build(tag, dockerfile, context=Path(folder))
    archive = FOLDER / f"{tag.rpartition('/')[2].replace(':', '-')}.tar"
    builder.save(tag, archive)
    return archive


def load(runtime: Runtime, archives: Mapping[str, Path]) -> list[str]:
    """Import each archive that the runtime does not have yet; return the tags of those imported."""
    record = runtime.images / "imported.json"
    known: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    there = set(runtime.ctr("images", "list", "--quiet").split())
    wanted = {tag: configuration(archive) for tag, archive in archives.items()}
    imported = [tag for tag, identity in wanted.items() if tag not in there or known.get(tag) != identity]
    for tag in imported:
        runtime.ctr("images", "import", str(archives[tag]))
        known[tag] = wanted[tag]
        record.write_text(json.dumps(known))
    return imported
