"""The command `localpach`."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from localpach import __version__
from localpach.config import Settings
from localpach.run.environment import parse_images
from localpach.run.isolation import Isolation

DAMAGED = 3
LARGEST_PORT = 65_535
REFUSED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="localpach")
def main() -> None:
    """Pachyderm's v2 gRPC API on one machine, for demos, tests and laptops.

    It behaves like pachd 2.7.8 of the Community Edition, with pipelines run as local processes. It is for one machine
    and one person: no replacement for a cluster.
    """


@main.command(context_settings={"show_default": True})
@click.option(
    "--root",
    envvar="LOCALPACH_ROOT",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for everything that is kept. It is made if it is not there; the same one goes on where it was left.",
)
@click.option(
    "--listen",
    envvar="LOCALPACH_LISTEN",
    default="127.0.0.1:30650",
    metavar="HOST:PORT",
    help="Address to serve on. Port 0 picks a free one. Anyone who can reach it can run commands as you.",
)
@click.option(
    "--image",
    "images",
    envvar="LOCALPACH_IMAGE",
    multiple=True,
    metavar="NAME=ENVIRONMENT",
    help="Run pipelines of this image with ENVIRONMENT/bin first on the PATH. May be given more than once. "
    "Other images run with the PATH that localpach was started with.",
)
@click.option(
    "--pipeline-limit",
    envvar="LOCALPACH_PIPELINE_LIMIT",
    type=click.IntRange(min=0),
    default=16,
    metavar="N",
    help="How many pipelines there may be, as on a server without a licence; 0 for no limit.",
)
@click.option(
    "--processes",
    envvar="LOCALPACH_PROCESSES",
    type=click.IntRange(min=1),
    default=32,
    metavar="N",
    help="How many commands of jobs may run at the same time.",
)
@click.option(
    "--isolation",
    envvar="LOCALPACH_ISOLATION",
    type=click.Choice(["auto", "namespace", "replace"]),
    default="auto",
    help="How a job gets its /pfs: in a mount namespace of its own, or by replacing a leading /pfs in the words of "
    "its command. auto takes the first if the machine allows it.",
)
@click.option(
    "--settle",
    envvar="LOCALPACH_SETTLE",
    type=click.FloatRange(min=0),
    default=1.0,
    metavar="SECONDS",
    help="How long a job says JOB_RUNNING at least, so that those who poll see it, as with the real server.",
)
@click.option(
    "--fsync/--no-fsync",
    envvar="LOCALPACH_FSYNC",
    help="Survive a power cut too, not only a kill of the process. Slower.",
)
@click.option(
    "--quiet",
    "-q",
    is_flag=True,
    envvar="LOCALPACH_QUIET",
    help="Print nothing but warnings, errors and the ready line.",
)
@click.option("--verbose", "-v", is_flag=True, envvar="LOCALPACH_VERBOSE", help="Log every call.")
@click.option(
    "--log-format",
    envvar="LOCALPACH_LOG_FORMAT",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Form of the log on stderr.",
)
def serve(
    root: Path,
    listen: str,
    images: tuple[str, ...],
    pipeline_limit: int,
    processes: int,
    isolation: str,
    settle: float,
    fsync: bool,
    quiet: bool,
    verbose: bool,
    log_format: str,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Every option can be given as an environment variable instead: --pipeline-limit as LOCALPACH_PIPELINE_LIMIT, and so
    on; several images are separated by spaces.

    \b
    Try it:
      localpach serve --root /tmp/pach &
      python -c 'import python_pachyderm as p; print(p.Client("127.0.0.1", 30650).get_remote_version())'
      echo '{"pachd_address": "grpc://127.0.0.1:30650"}' | pachctl config set context local --overwrite
      pachctl config set active-context local
    """
    _log_to_stderr(quiet=quiet, verbose=verbose, log_format=log_format)
    try:
        environments = parse_images(images)
    except ValueError as error:
        raise click.UsageError(f"--image: {error}") from None
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > LARGEST_PORT:
        raise click.UsageError(f"--listen: {listen!r} is not HOST:PORT")
    settings = Settings(
        root=root.expanduser().absolute(),
        listen=listen,
        images=environments,
        pipeline_limit=pipeline_limit,
        processes=processes,
        isolation=None if isolation == "auto" else Isolation(isolation),
        settle=settle,
        fsync=fsync,
    )
    _serve(settings, quiet=quiet)


@main.command()
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="Folder of a localpach that is not running.",
)
@click.option("--collect", is_flag=True, help="Remove contents that no commit has any more, too.")
def check(root: Path, *, collect: bool) -> None:
    """Read everything that is kept and say what is damaged. Exit status 3 if anything is."""
    from localpach.pfs import garbage  # noqa: PLC0415  # likewise
    from localpach.server import METADATA, AlreadyServedError, lock_root  # noqa: PLC0415  # --help stays fast
    from localpach.store import checking  # noqa: PLC0415  # likewise
    from localpach.store.contents import Contents  # noqa: PLC0415  # likewise
    from localpach.store.database import DamagedStoreError, Database  # noqa: PLC0415  # likewise

    if not (root / METADATA).exists():
        _fail(REFUSED, f"{root} is no folder of a localpach: there is no {METADATA} in it")
    try:
        lock = lock_root(root)
    except AlreadyServedError as error:
        _fail(REFUSED, str(error))
    with lock:
        try:
            db, contents = Database(root / METADATA), Contents(root)
        except DamagedStoreError as error:
            _fail(DAMAGED, str(error))
        damage = list(checking.damaged_parts(db, contents))
        for sentence in damage:
            click.echo(sentence)
        if collect:
            count, size = garbage.collect(db, contents)
            click.echo(f"removed {count} parts of {size} bytes that no commit has any more")
        db.close()
        contents.close()
    if damage:
        _fail(DAMAGED, f"{len(damage)} contents are damaged")
    click.echo("everything is there and as it was written")


def _serve(settings: Settings, *, quiet: bool) -> None:
    from localpach.server import AddressError, AlreadyServedError, Server  # noqa: PLC0415  # --help stays fast
    from localpach.store.database import DamagedStoreError  # noqa: PLC0415  # likewise

    ended = threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        logging.getLogger("localpach").info("ending on %s", signal.Signals(number).name)
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        server = Server(settings)
    except DamagedStoreError as error:
        _fail(DAMAGED, f"the store is damaged, nothing is served: {error}")
    except (AddressError, AlreadyServedError) as error:
        _fail(REFUSED, str(error))
    except OSError as error:
        _fail(REFUSED, f"cannot use {settings.root}: {error.strerror or error}; name another folder with --root")
    with server:
        _announce(settings, server.address, server.isolation, quiet=quiet)
        ended.wait()


def _announce(settings: Settings, address: str, isolation: Isolation, *, quiet: bool) -> None:
    click.echo(f"localpach {__version__} is ready on {address}")
    if not quiet:
        host, _, port = address.rpartition(":")
        found = {
            Isolation.NAMESPACE: "each job has its own /pfs",
            Isolation.REPLACE: "this machine gives a job no /pfs of its own: a leading /pfs in the words of its "
            "command is replaced, and PFS_ROOT is set",
        }[isolation]
        click.echo(
            f"""  root      {settings.root}
  jobs      {found}
  Python    python_pachyderm.Client("{host}", {port})
  pachctl   echo '{{"pachd_address": "grpc://{address}"}}' | pachctl config set context local --overwrite &&
            pachctl config set active-context local
  operator  scriptmodel-operator run --pachd {address} --trainer-image IMAGE
One machine, one person: no replacement for a cluster. Ctrl-C ends it; what it keeps stays in the root."""
        )
    sys.stdout.flush()


def _fail(status: int, message: str) -> NoReturn:
    click.echo(f"localpach: {message}", err=True)
    sys.exit(status)


class _JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def _log_to_stderr(*, quiet: bool, verbose: bool, log_format: str) -> None:
    handler = logging.StreamHandler()
    if log_format == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    logging.getLogger().addHandler(handler)
    logging.getLogger("localpach").setLevel(level)


if __name__ == "__main__":
    main()
