"""The file tree of a job's command: mounted in namespaces of its own by `unshare`, or replaced in its words."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

TEST_SECONDS = 10.0
TMP = Path("/tmp")  # noqa: S108  # this module decides which entries jobs get
# Variables of the server that jobs do not get; its TMPDIR does not exist in a job.
_PRIVATE = ("LOCALPACH_", "PYTHON", "VIRTUAL_ENV", "PYTEST_", "COVERAGE_", "TMPDIR")
_TOOLS = ("chroot", "ln", "mkdir", "mount", "setpriv", "sh", "unshare")
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


class Isolation(Enum):
    """How a job gets its `/pfs`: in namespaces that root may make, that anyone may make, or by replacing words."""

    NAMESPACE = "namespace"
    USER_NAMESPACE = "user-namespace"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and its file tree.

    ``mounts`` has the folders by the path at which the command sees them. ``scratch`` is an empty folder, ``tmp`` the
    worker's `/tmp`, in which the entries ``tmp_keeps`` of the real one stay. ``store`` is the server's root folder,
    which is hidden from an isolated command.
    """

    words: Sequence[str]
    variables: Mapping[str, str]
    mounts: Mapping[str, Path]
    scratch: Path
    tmp: Path
    store: Path
    tmp_keeps: Sequence[str] = ()


def detect() -> Isolation:
    """Return the strongest isolation that this machine allows."""
    return next((each for each in (Isolation.NAMESPACE, Isolation.USER_NAMESPACE) if _works(each)), Isolation.REPLACE)


def arguments(command: Command, isolation: Isolation) -> list[str]:
    """Return the arguments that run a command. Its variables are passed in the environment, since words are public."""
    words = list(command.words)
    if isolation is Isolation.REPLACE:
        return [*_killed_with_server(), *(replaced(word, command) for word in words)]
    user = ["--user", "--map-root-user"] if isolation is Isolation.USER_NAMESPACE else []
    script = "\n".join(["set -e", *_mounts(command, in_user_namespace=bool(user)), _start(command, bool(user))])
    unshare = [_tool("unshare"), *user, "--mount", "--pid", "--fork", "--kill-child", "--"]
    return [*_killed_with_server(), *unshare, _tool("sh"), "-c", script, "sh", *words]


def variables(command: Command, isolation: Isolation) -> dict[str, str]:
    """Return the environment of a command."""
    if isolation is not Isolation.REPLACE:
        return dict(command.variables)
    found = {name: replaced(value, command) for name, value in command.variables.items()}
    return found | {"PFS_ROOT": str(command.mounts["/pfs"]), "TMPDIR": str(command.tmp)}


def replaced(text: str, command: Command) -> str:
    """Replace a leading path of a mount in a word of a command by the job's folder."""
    for path, folder in command.mounts.items():
        if text == path or text.startswith(f"{path}/"):
            return f"{folder}{text[len(path) :]}"
    return text


def _killed_with_server() -> list[str]:
    return [_tool("setpriv"), "--pdeathsig", "KILL", "--"]


def _mounts(command: Command, *, in_user_namespace: bool) -> list[str]:
    """Return the lines that build a root with the entries of the real one, `/pfs`, `/tmp`, `/proc` and the mounts."""
    root = command.scratch
    mount = _tool("mount")
    entries = sorted(each for each in Path("/").iterdir() if f"/{each.name}" not in command.mounts)
    links = [each for each in entries if each.is_symlink()]
    bound = [(each, root / each.name) for each in entries if each.is_dir() and not each.is_symlink()]
    bound += [(folder, root / path.lstrip("/")) for path, folder in command.mounts.items()]
    bound += [(TMP / name, command.tmp / name) for name in command.tmp_keeps]
    bound.append((command.tmp, root / "tmp"))
    proc = f"{mount} -t proc proc {_quoted(root / 'proc')}"
    hidden = _quoted(root / str(command.store).lstrip("/"))
    return [
        f"{mount} -t tmpfs -o mode=755 none {_quoted(root)}",
        f"{_tool('mkdir')} -p {' '.join(_quoted(target) for _, target in bound)}",
        *(f"{_tool('ln')} -s {_quoted(each.readlink())} {_quoted(root / each.name)}" for each in links),
        *(f"{mount} --rbind {_quoted(source)} {_quoted(target)}" for source, target in bound),
        # Without a user namespace the files of other jobs would be reached through their processes in /proc.
        f"{proc} 2>/dev/null || true" if in_user_namespace else proc,
        f"if [ -d {hidden} ]; then {mount} -t tmpfs -o ro,mode=700,size=4k none {hidden}; fi",
    ]


def _start(command: Command, in_user_namespace: bool) -> str:
    """Return the line that runs the command as a child of the first process of the namespace.

    That process ignores signals from inside and ends with the command; the kernel kills all others then. In a user
    namespace the command loses the rights of its root, with which it could undo the mounts.
    """
    rights = "--bounding-set=-all --inh-caps=-all" if in_user_namespace else ""
    quiet = "exec 3>&2 2>/dev/null"  # the shell would report how the command ended
    start = f'{_tool("setpriv")} {rights} -- "$@" 2>&3 3>&-'
    return f'{_tool("chroot")} {_quoted(command.scratch)} {_tool("sh")} -c {shlex.quote(f"{quiet} && {start}")} sh "$@"'


def _tool(name: str) -> str:
    return shutil.which(name, path=_PATH) or name


def _quoted(path: object) -> str:
    return shlex.quote(str(path))


def _works(isolation: Isolation) -> bool:
    if any(shutil.which(name, path=_PATH) is None for name in _TOOLS):
        return False
    with tempfile.TemporaryDirectory(prefix="localpach-") as folder:
        base = Path(folder)
        for name in ("pfs", "root", "tmp", "store"):
            (base / name).mkdir()
        (base / "pfs" / "here").touch()
        test = Command(
            ["test", "-e", "/pfs/here"], {}, {"/pfs": base / "pfs"}, base / "root", base / "tmp", base / "store"
        )
        try:
            done = subprocess.run(arguments(test, isolation), capture_output=True, timeout=TEST_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0


def variables_in(environment: Path | None) -> dict[str, str]:
    """Return the environment variables of a command in the environment of its image; None for the server's PATH."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    if environment is not None:
        found["PATH"] = f"{environment / 'bin'}{os.pathsep}{found.get('PATH', os.defpath)}"
    return found


def kept_in_tmp(environments: Iterable[Path]) -> list[str]:
    """Return the entries of the real `/tmp` that commands may need although they get their own `/tmp`."""
    paths = [*environments, *map(Path, os.environ.get("PATH", "").split(os.pathsep))]
    below = [path.absolute().parts[2:3] for path in paths if path.absolute().is_relative_to(TMP)]
    return sorted({name for parts in below for name in parts})


def parse_images(texts: Iterable[str]) -> dict[str, Path]:
    """Parse `NAME=ENVIRONMENT` pairs. Raises ValueError for an invalid one."""
    found: dict[str, Path] = {}
    for text in texts:
        name, separator, folder = text.partition("=")
        if not separator or not name or not folder:
            raise ValueError(f"{text!r} is not NAME=ENVIRONMENT")
        path = Path(folder).expanduser().absolute()
        if not (path / "bin").is_dir():
            raise ValueError(f"{path} is not an environment for image {name}: it has no bin/")
        found[name] = path
    return found
