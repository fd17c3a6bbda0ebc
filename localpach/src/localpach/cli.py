"""The command line of localpach."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import shlex
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, NoReturn, TypeVar

import click

from localpach import __version__
from localpach.config import SOCKET, PodSettings, Settings
from localpach.run.environment import parse_images
from localpach.run.isolation import Isolation

F = TypeVar("F", bound=Callable[..., Any])

DAMAGED = 3
LARGEST_PORT = 65_535
FAILED = 1
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Program(click.Group):
    """A group of commands that reports a failed write to standard output in one line."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.errno not in _WRITE_ERRORS:
                raise
            # What Python still holds goes nowhere, so that its own flush at exit does not fail too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _fail(FAILED, f"write error: {error.strerror}")


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"]})
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
@click.option(
    "--workers",
    type=click.Choice(["processes", "kubernetes"]),
    default="processes",
    help="Where commands run. processes: on this machine; kubernetes: in pods of --worker-namespace, each attempt at a "
    "datum as a Job.",
)
@click.option("--worker-namespace", default="", metavar="NAMESPACE", help="Namespace of the pods.")
@click.option(
    "--step-image", default="", metavar="IMAGE", help="Image with localpach, whose containers fetch and upload files."
)
@click.option(
    "--pull-secret",
    "pull_secrets",
    envvar="LOCALPACH_PULL_SECRET",
    multiple=True,
    metavar="NAME",
    help="Secret in that namespace to pull --step-image with, besides those of a pipeline; repeatable.",
)
@click.option(
    "--transfer-listen",
    default="0.0.0.0:30651",  # in a pod, where NetworkPolicy and tokens guard it
    metavar="HOST:PORT",
    help="Address for the files of pods. A token for each attempt guards it.",
)
@click.option("--transfer", default="", metavar="HOST:PORT", help="The same address, as pods reach it.")
@click.option("--scratch", default="", metavar="QUANTITY", help="Size limit of /pfs in a pod, such as 20Gi.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the token that clients of a port need, read at each call [default: a new token in ROOT/token at "
    "each start].",
)
@click.option(
    "--allow-download",
    "downloads",
    envvar="LOCALPACH_ALLOW_DOWNLOAD",
    multiple=True,
    default=("*",),
    metavar="HOST",
    help='Host from which URLs may be fetched, also after a redirect; repeatable. "*" allows any, an empty one none.',
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
    workers: str,
    worker_namespace: str,
    step_image: str,
    pull_secrets: tuple[str, ...],
    transfer_listen: str,
    transfer: str,
    scratch: str,
    token_file: Path | None,
    downloads: tuple[str, ...],
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
    pods = None
    if workers == "kubernetes":
        given = {"--worker-namespace": worker_namespace, "--step-image": step_image, "--transfer": transfer}
        if missing := [name for name, value in given.items() if not value]:
            raise click.UsageError(f"--workers kubernetes needs {', '.join(missing)}")
        pods = PodSettings(worker_namespace, step_image, transfer, transfer_listen, scratch, pull_secrets)
    settings = Settings(
        root=root.expanduser().resolve(),
        listen=listen,
        images=environments,
        isolation=None if isolation == "auto" else Isolation(isolation),
        settle=settle,
        fsync=fsync,
        pods=pods,
        token_file=token_file,
        downloads=None if "*" in downloads else frozenset(each.lower() for each in downloads),
    )
    _serve(settings, quiet=quiet)


def _root(state: str) -> Callable[[F], F]:
    kind = click.Path(path_type=Path, file_okay=False, exists=True)
    return click.option("--root", type=kind, required=True, help=f"Root folder of a localpach, which {state}.")


@main.command()
@_root("must not be running")
@click.option("--collect", is_flag=True, help="Delete contents that no commit references.")
@click.option("--accept-loss", is_flag=True, help="Let a store that lost its last changes continue without them.")
@click.option("--drop", is_flag=True, help="Delete damaged files from all commits that have them.")
def check(root: Path, *, collect: bool, accept_loss: bool, drop: bool) -> None:
    """Read the whole store and report damaged files. The exit status is 3 if there are any that are not dropped."""
    from localpach.pfs import damage, garbage  # noqa: PLC0415  # likewise
    from localpach.server import AlreadyServedError, lock_root  # noqa: PLC0415  # --help stays fast
    from localpach.store import checking, opening  # noqa: PLC0415  # likewise
    from localpach.store.contents import CONTENTS  # noqa: PLC0415  # likewise
    from localpach.store.database import DamagedStoreError  # noqa: PLC0415  # likewise

    if not any((root / name).exists() for name in (opening.METADATA, CONTENTS)):
        _fail(FAILED, f"{root} is not a root folder of localpach: it has no {opening.METADATA}")
    try:
        lock = lock_root(root)
    except AlreadyServedError as error:
        _fail(FAILED, str(error))
    with lock:
        try:
            db, contents = opening.open_store(root, accept_loss=accept_loss)
        except DamagedStoreError as error:
            _fail(DAMAGED, str(error))
        except sqlite3.OperationalError as error:
            _fail(FAILED, f"cannot use {root}: {error}")
        with contextlib.closing(checking.damaged_parts(db, contents)) as parts:
            damaged = damage.files(db, parts)
            for file in damaged:
                click.echo(file)
            if drop:
                damage.drop(db, parts)
        if collect:
            count, size = garbage.collect(db, contents)
            click.echo(f"deleted {count} unreferenced parts ({size} bytes)")
        db.close()
        contents.close()
    if damaged and not drop:
        _fail(DAMAGED, f"{len(damaged)} files are damaged: push them again, or delete them with --drop")
    click.echo(f"dropped {len(damaged)} damaged files" if damaged else "no damage found")


@main.command()
@_root("may be running")
def backup(root: Path) -> None:
    """Write a backup of the store to standard output, as a tar archive. The server may be running.

    The backup holds all files and pipelines: protect it.
    """
    from localpach.store.backup import backup as write  # noqa: PLC0415  # --help stays fast
    from localpach.store.database import DamagedStoreError  # noqa: PLC0415  # likewise

    if sys.stdout.isatty():
        raise click.UsageError("this would print an archive: redirect the output, for instance to backup.tar")
    try:
        count = write(root, sys.stdout.buffer)
    except (DamagedStoreError, OSError, sqlite3.Error) as error:
        _fail(FAILED, f"no backup was made: {error}")
    click.echo(f"backed up {count} contents", err=True)


@main.command()
@_root("may be running")
def restore(root: Path) -> None:
    """Replace the store by the backup on standard input. A running server continues until it is restarted.

    What was written since the backup is lost.
    """
    from localpach.server import AlreadyServedError, lock_root  # noqa: PLC0415  # --help stays fast
    from localpach.store.backup import install  # noqa: PLC0415  # likewise
    from localpach.store.backup import restore as read  # noqa: PLC0415  # likewise
    from localpach.store.database import DamagedStoreError  # noqa: PLC0415  # likewise

    try:
        read(root, sys.stdin.buffer)
    except (DamagedStoreError, OSError, sqlite3.Error) as error:
        _fail(FAILED, f"nothing was restored: {error}")
    try:
        with lock_root(root):
            install(root)
    except AlreadyServedError:
        click.echo("the backup is complete: restart localpach, which starts with it")
    else:
        click.echo("restored")


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
