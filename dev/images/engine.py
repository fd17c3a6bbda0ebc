"""buildah, which builds images without a service and without cgroups, in a store of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.paths import ROOT, cache
from dev.programs import debian


class EngineError(Exception):
    """buildah does not work, or failed; the message has its output."""


@dataclass(frozen=True)
class Engine:
    """buildah with a store below ~/.cache, so that nothing else on the machine changes."""

    driver: str

    def build(  # what a build depends on
        self,
        tag: str,
        dockerfile: Path,
        *,
        context: Path = ROOT,
        arguments: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        secrets: Mapping[str, Path] | None = None,
        epoch: int | None = None,
    ) -> None:
        """Build an image, its progress shown on stderr. Layers that have not changed are taken from the last time.

        With `epoch` all is built anew, and all files have that time.
        """
        options = [f"--build-arg={name}={value}" for name, value in (arguments or {}).items()]
        options += [f"--label={name}={value}" for name, value in (labels or {}).items()]
        options += [f"--secret=id={name},src={path}" for name, path in (secrets or {}).items()]
        version = re.findall(r"\d+", self._ask(["--version"]).stdout)
        options += ["--layers", "--pull=missing" if [int(part) for part in version[:2]] >= [1, 29] else "--pull=false"]
        if epoch is not None:
            options += [f"--timestamp={epoch}", "--no-cache"]
        self._run(["bud", f"--file={dockerfile}", f"--tag={tag}", *options, str(context)])

    def save(self, tag: str, archive: Path) -> None:
        """Write an image as a docker-archive. What reads one meanwhile, such as `make cluster`, has the one before."""
        archive.parent.mkdir(parents=True, exist_ok=True)
        part = archive.with_suffix(".part")
        part.unlink(missing_ok=True)  # buildah does not overwrite
        self._run(["push", "--quiet", tag, f"docker-archive:{part}:{tag}"])
        part.replace(archive)

    def has(self, tag: str) -> bool:
        """Return whether the image is in the store."""
        return self._ask(["inspect", "--type=image", tag]).returncode == 0

    def works(self) -> str:
        """Return why it does not work; empty if it does."""
        done = self._ask(["info"])
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]

    def _command(self, words: Sequence[str]) -> list[str]:
        store = cache() / "images"
        places = (f"--root={store / 'storage'}", f"--runroot={store / 'run'}")
        return ["buildah", f"--storage-driver={self.driver}", *places, *words]

    def _ask(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(words), capture_output=True, text=True, check=False)

    def _run(self, words: Sequence[str]) -> None:
        env = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(self._command(words), env=env, stdout=sys.stderr, check=False)
        if done.returncode:
            raise EngineError(f"`buildah {words[0]}` ended with status {done.returncode}; its messages are above")


def find() -> Engine:
    """Return buildah, which is installed first as root on Debian. Raises EngineError or MissingProgramError."""
    debian.need({"buildah": "buildah"})
    for driver in ("overlay", "vfs"):
        engine = Engine(driver)
        if not (reason := engine.works()):
            return engine
    raise EngineError(f"buildah does not work: {reason}")
