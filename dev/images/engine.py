"""The program that builds images: docker, podman or buildah, the first that works."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.paths import ROOT, cache
from dev.programs import debian

NAMES = ("docker", "podman", "buildah")


class EngineError(Exception):
    """No engine works, or one failed; the message names it and has its output."""


@dataclass(frozen=True)
class Engine:
    """One of the three, with what each of its calls needs."""

    name: str
    program: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

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
        if self.name == "buildah":
            options += ["--layers", "--pull=missing" if self._version() >= (1, 29) else "--pull=false"]
        if epoch is not None:
            options += [f"--timestamp={epoch}", "--no-cache"]
        verb = "bud" if self.name == "buildah" else "build"
        self._run([verb, f"--file={dockerfile}", f"--tag={tag}", *options, str(context)])

    def save(self, tag: str, archive: Path) -> None:
        """Write an image as a docker-archive, the one format that all three write.

        What reads an archive meanwhile, such as `make cluster`, has the one before.
        """
        archive.parent.mkdir(parents=True, exist_ok=True)
        part = archive.with_suffix(".part")
        part.unlink(missing_ok=True)  # podman and buildah do not overwrite
        commands = {
            "docker": ["save", f"--output={part}", tag],
            "podman": ["save", "--format=docker-archive", f"--output={part}", tag],
            "buildah": ["push", "--quiet", tag, f"docker-archive:{part}:{tag}"],
        }
        self._run(commands[self.name])
        part.replace(archive)

    def has(self, tag: str) -> bool:
        """Return whether the image is in this engine's store."""
        verb = ["inspect", "--type=image"] if self.name == "buildah" else ["image", "inspect"]
        return self._ask([*verb, tag]).returncode == 0

    def works(self) -> str:
        """Return why it does not work; empty if it does."""
        verb = ["version"] if self.name == "docker" else ["info"]
        try:
            done = self._ask(verb)
        except OSError as error:
            return str(error)
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no message"])[-1]

    def _version(self) -> tuple[int, ...]:
        words = self._ask(["--version"]).stdout.split()
        return tuple(int(number) for number in words[2].split(".")[:2])

    def _ask(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.program, *command], env={**os.environ, **self.env}, capture_output=True, text=True, check=False
        )

    def _run(self, command: Sequence[str]) -> None:
        whole = [*self.program, *command]
        done = subprocess.run(whole, env={**os.environ, **self.env}, stdout=sys.stderr, check=False)
        if done.returncode:
            raise EngineError(f"`{self.name} {command[0]}` ended with status {done.returncode}; its messages are above")


def find(names: Sequence[str] = NAMES) -> Engine:
    """Return the first of these engines that works; as root on Debian buildah is installed if none does."""
    reasons = []
    for name in names:
        if shutil.which(name) is None:
            reasons.append(f"{name}: not on PATH")
            continue
        engine = _engine(name)
        reason = engine.works()
        if not reason:
            return engine
        reasons.append(f"{name}: {reason}")
    try:
        debian.need({"buildah": "buildah", "fuse-overlayfs": "fuse-overlayfs"})
    except debian.MissingProgramError as error:
        raise EngineError("no engine that builds images works\n  " + "\n  ".join([*reasons, str(error)])) from error
    engine = _engine("buildah")
    if reason := engine.works():
        raise EngineError(f"buildah was installed and does not work: {reason}")
    return engine


def _engine(name: str) -> Engine:
    if name != "buildah":
        return Engine(name, (name,), {"DOCKER_BUILDKIT": "1"})
    # It needs neither a service nor cgroups; it has a store of its own, so that nothing else on the machine changes.
    store = cache() / "images"
    places = (f"--root={store / 'storage'}", f"--runroot={store / 'run'}")
    isolated = {"BUILDAH_ISOLATION": "chroot"}
    for driver in ("overlay", "vfs"):
        engine = Engine(name, (name, f"--storage-driver={driver}", *places), isolated)
        if not engine.works():
            return engine
    return engine
