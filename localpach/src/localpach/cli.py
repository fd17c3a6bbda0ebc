"""The command line of localpach."""

import logging
import shlex
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NoReturn

import click

from localpach import __version__

if TYPE_CHECKING:
    from localpach.server import Server

FAILED, UNREADABLE = 1, 3
LARGEST_PORT = 65_535


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="localpach")
def main() -> None:
    """Pachyderm's v2 gRPC API on one machine, for demos, tests and laptops.

    It behaves like pachd 2.7.8 of the Community Edition and runs pipelines as local processes. It is for one user on
    one machine and does not replace a cluster.
    """


_PATH = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_ISOLATIONS = click.Choice(["auto", "namespace", "user-namespace", "replace"])


@main.command(context_settings={"show_default": True, "auto_envvar_prefix": "LOCALPACH"})
@click.option("--root", type=_PATH, required=True, help="Folder of the data, created if needed, else resumed.")
@click.option(
    "--listen",
    default="127.0.0.1:30650",
    metavar="ADDRESS",
    help="Listen on HOST:PORT (port 0: a free one), whose clients need a token, or on unix:PATH, a socket that only "
    "you can use. Who may call can run commands as you.",
)
@click.option(
    "--image",
    "images",
    envvar="LOCALPACH_IMAGE",
    multiple=True,
    metavar="NAME=ENVIRONMENT",
    help="Run pipelines of this image with ENVIRONMENT/bin first on the PATH; repeatable. "
    "Other images use the PATH of localpach.",
)
@click.option(
    "--isolation",
    type=_ISOLATIONS,
    default="auto",
    help="How a job gets its /pfs. namespace: in its own mount namespace; user-namespace: likewise, without root; "
    "replace: by replacing a leading /pfs in the words of its command; auto: the first that the machine allows.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=1.0,
    metavar="SECONDS",
    help="Minimum time in JOB_RUNNING, so that clients that poll observe it, as with the real server.",
)
@click.option(
    "--token-file",
    type=_FILE,
    help="File with the token that clients of a port need, read at each call [default: a new token in ROOT/token at "
    "each start].",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only warnings, errors and the ready line.")
@click.option("--verbose", "-v", is_flag=True, help="Log every call.")
def serve(
    *,
    root: Path,
    listen: str,
    images: tuple[str, ...],
    isolation: str,
    settle: float,
    token_file: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Every option can be set by an environment variable, e.g. --settle by LOCALPACH_SETTLE. Separate
    several images by spaces.

    \b
    Try it:
      localpach serve --root /tmp/pach &
      scriptmodel push plays/ --pachd 127.0.0.1:30650 --repo plays --create   # finds the token of your localpach
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    log = logging.getLogger("localpach")
    log.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    from localpach.model import UnreadableSnapshotError  # noqa: PLC0415  # --help stays fast
    from localpach.run.isolation import Isolation, parse_images  # noqa: PLC0415  # likewise
    from localpach.server import SOCKET, Server, StartError  # noqa: PLC0415  # likewise

    host, _, port = listen.rpartition(":")
    is_port = bool(host) and port.isdecimal() and int(port) <= LARGEST_PORT
    if listen == SOCKET or not (listen.startswith(SOCKET) or is_port):
        raise click.UsageError(f"--listen: {listen!r} is neither HOST:PORT nor unix:PATH")
    try:
        environments = parse_images(images)
    except ValueError as error:
        raise click.UsageError(f"--image: {error}") from None
    chosen = None if isolation == "auto" else Isolation(isolation)
    root = root.expanduser().resolve()
    # A signal can arrive while this thread holds the lock of an Event. A SimpleQueue is safe to use in a handler.
    received: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: received.put(number))
    with ExitStack() as stack:
        try:
            server = stack.enter_context(Server(root, listen, environments, chosen, settle, token_file))
        except (UnreadableSnapshotError, StartError) as error:
            _fail(FAILED if isinstance(error, StartError) else UNREADABLE, str(error))
        except OSError as error:
            _fail(FAILED, f"cannot use {root}: {error.strerror or error}; name another folder with --root")
        click.echo(f"localpach {__version__} is ready on {server.address}")
        if not quiet:
            click.echo(_instructions(server, root))
        sys.stdout.flush()
        log.info("stopping on %s", signal.Signals(_wait(received)).name)


def _wait(received: SimpleQueue[int]) -> int:
    """Return the signal that stops the server. Another thread may be given it, which does not wake this one."""
    while True:
        with suppress(Empty):
            return received.get(timeout=1.0)


def _instructions(server: "Server", root: Path) -> str:
    """Return how clients connect."""
    address, token = server.address, server.token.file
    jobs = "each job has its own /pfs"
    if server.isolation.value == "replace":
        jobs = "this machine has no mount namespaces: a leading /pfs in a job's words is replaced; PFS_ROOT is set"
    clients = f"  operator  scriptmodel-operator run --pachd {address} --trainer-image IMAGE"
    if not address.startswith("unix:"):
        clients = f"""  token     {token}
  pachctl   echo '{{"pachd_address": "grpc://{address}", "session_token": "'$(cat {shlex.quote(str(token))})'"}}' |
            pachctl config set context local --overwrite && pachctl config set active-context local
  operator  scriptmodel-operator run --pachd {address} --pachd-token-file {token} --trainer-image IMAGE"""
    return f"""  root      {root}
  jobs      {jobs}
{clients}
For one user on one machine; it does not replace a cluster. Ctrl-C stops it; the root folder keeps its data."""


def _fail(status: int, message: str) -> NoReturn:
    click.echo(f"localpach: {message}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
