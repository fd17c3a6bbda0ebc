"""The command line of localpach."""

import contextlib
import gc
import logging
import shlex
import signal
import sqlite3
import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import NoReturn

import click

from localpach import __version__
from localpach.config import SOCKET, Settings
from localpach.run.environment import parse_images
from localpach.run.isolation import Isolation

DAMAGED = 3
LARGEST_PORT = 65_535
FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="localpach")
def main() -> None:
    """Pachyderm's v2 gRPC API on one machine, for demos, tests and laptops.

    It behaves like pachd 2.7.8 of the Community Edition and runs pipelines as local processes. It is for one user on
    one machine and does not replace a cluster.
    """


@main.command(context_settings={"show_default": True, "auto_envvar_prefix": "LOCALPACH"})
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the store. It is created if it does not exist; an existing one is resumed.",
)
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
    type=click.Choice(["auto", "namespace", "replace"]),
    default="auto",
    help="How a job gets its /pfs. namespace: in its own mount namespace; replace: by replacing a leading /pfs in the "
    "words of its command; auto: namespace if the machine allows it.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=1.0,
    metavar="SECONDS",
    help="Minimum time in JOB_RUNNING, so that clients that poll observe it, as with the real server.",
)
@click.option("--fsync/--no-fsync", default=True, help="Survive power cuts, too, not only a kill of the process.")
@click.option("--accept-loss", is_flag=True, help="Let a store that lost its last changes continue without them.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
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
    fsync: bool,
    accept_loss: bool,
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
      echo '{"pachd_address": "grpc://127.0.0.1:30650", "session_token": "'$(cat /tmp/pach/token)'"}' |
        pachctl config set context local --overwrite
      pachctl config set active-context local
    """
    _log_to_stderr(quiet=quiet, verbose=verbose)
    try:
        environments = parse_images(images)
    except ValueError as error:
        raise click.UsageError(f"--image: {error}") from None
    host, _, port = listen.rpartition(":")
    if listen == SOCKET or (
        not listen.startswith(SOCKET) and (not host or not port.isdecimal() or int(port) > LARGEST_PORT)
    ):
        raise click.UsageError(f"--listen: {listen!r} is neither HOST:PORT nor unix:PATH")
    settings = Settings(
        root=root.expanduser().resolve(),
        listen=listen,
        images=environments,
        isolation=None if isolation == "auto" else Isolation(isolation),
        settle=settle,
        fsync=fsync,
        accept_loss=accept_loss,
        token_file=token_file,
    )
    _serve(settings, quiet=quiet)


def _serve(settings: Settings, *, quiet: bool) -> None:
    gc.disable()  # a fifth of a start: it would find nothing, and later it skips what was imported
    from localpach.server import AddressError, AlreadyServedError, Server  # noqa: PLC0415  # --help stays fast
    from localpach.store.database import DamagedStoreError  # noqa: PLC0415  # likewise

    gc.freeze()
    gc.enable()
    # A signal can arrive while this thread holds the lock of an Event. A SimpleQueue is safe to use in a handler.
    received: SimpleQueue[int] = SimpleQueue()

    def stop(number: int, _frame: FrameType | None) -> None:
        received.put(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(Server(settings))
        except DamagedStoreError as error:
            _fail(DAMAGED, f"the store is damaged and is not served: {error}")
        except (AddressError, AlreadyServedError) as error:
            _fail(FAILED, str(error))
        except (OSError, sqlite3.OperationalError) as error:
            reason = getattr(error, "strerror", None) or error
            _fail(FAILED, f"cannot use {settings.root}: {reason}; name another folder with --root")
        _announce(settings, server.address, server.token.file, server.isolation, quiet=quiet)
        number = _waited(received)
        logging.getLogger("localpach").info("stopping on %s", signal.Signals(number).name)


def _waited(received: SimpleQueue[int]) -> int:
    """Return the signal that stops the server. Another thread may be given it, which does not wake this one."""
    while True:
        with contextlib.suppress(Empty):
            return received.get(timeout=1.0)


def _announce(settings: Settings, address: str, token: Path, isolation: Isolation, *, quiet: bool) -> None:
    click.echo(f"localpach {__version__} is ready on {address}")
    if not quiet:
        host, _, port = address.rpartition(":")
        file = shlex.quote(str(token))
        found = {
            Isolation.NAMESPACE: "each job has its own /pfs",
            Isolation.REPLACE: "this machine does not allow mount namespaces: a leading /pfs in the words of a "
            "job's command is replaced, and PFS_ROOT is set",
        }[isolation]
        clients = f"""  Python    python_pachyderm.Client("unix", "{port}")
  operator  scriptmodel-operator run --pachd {address} --trainer-image IMAGE"""
        if not address.startswith(SOCKET):
            clients = f"""  token     {token}
  Python    python_pachyderm.Client("{host}", {port}, auth_token=open("{token}").read().strip())
  pachctl   echo '{{"pachd_address": "grpc://{address}", "session_token": "'$(cat {file})'"}}' |
            pachctl config set context local --overwrite && pachctl config set active-context local
  operator  scriptmodel-operator run --pachd {address} --pachd-token-file {file} --trainer-image IMAGE"""
        click.echo(
            f"""  root      {settings.root}
  jobs      {found}
{clients}
For one user on one machine; it does not replace a cluster. Ctrl-C stops it; the root folder keeps its data."""
        )
    sys.stdout.flush()


def _fail(status: int, message: str) -> NoReturn:
    click.echo(f"localpach: {message}", err=True)
    sys.exit(status)


def _log_to_stderr(*, quiet: bool, verbose: bool) -> None:
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("localpach").setLevel(level)


if __name__ == "__main__":
    main()
