"""The project's images: their names, and where their archives lie."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from dev.paths import ROOT

FOLDER = ROOT / "build" / "images"


@dataclass(frozen=True)
class Image:
    """One of the project's images."""

    part: str
    version: str
    variant: str = ""
    architecture: str = ""
    """As registries name it; this machine's if empty."""

    @property
    def tag(self) -> str:
        """The tag with the registry that docker, podman and containerd use by default."""
        suffix = "-gpu" if self.variant == "gpu" else ""
        architecture = f"-{self.architecture}" if self.architecture else ""
        return f"docker.io/library/scriptmodel-{self.part}:{self.version}{suffix}{architecture}"

    @property
    def archive(self) -> Path:
        """The path to which it is written."""
        return FOLDER / f"{self.tag.rpartition('/')[2].replace(':', '-')}.tar"


def image(part: str, variant: str = "", version: str = "", architecture: str = "") -> Image:
    """Return the image of a part of the repository, by default at the version of its distribution."""
    distribution = "operator" if part == "s3" else part  # one tag is given to all images of a release
    project = tomllib.loads((ROOT / distribution / "pyproject.toml").read_text())["project"]
    return Image(part, version or project["version"], variant, architecture)
