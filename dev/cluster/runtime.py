"""containerd: its configuration, and a word with it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dev.cluster import network
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
