"""The command `ui`."""

import asyncio
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import click

from scriptmodel_cli.connection import ObjectName, pass_session
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.local.programs import TRAINER, become_trainer, find_trainer, trainer_option
from scriptmodel_cli.output import note, say
from scriptmodel_cli.program import Command
from scriptmodel_cli.scripts import copy_result
from scriptmodel_cli.session import Session

_MODEL_FILE = "model.json"


@click.command(cls=Command)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--model", type=ObjectName(), metavar="NAME", help="Write with the newest model of this ScriptModel.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1 [default: a free one].")
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@trainer_option
@pass_session
def ui(
    session: Session, folder: Path | None, model: str | None, port: int, no_browser: bool, trainer: Path | None
) -> None:
    """Show ScriptModels in the browser: curves, logs, lineage and scripts.

    With a FOLDER that `scriptmodel write` made, or that of a model, it opens the writer's page of that model instead,
    and needs no cluster; with --model that of a model in the cluster, which it fetches first.

    The pages are served on this machine only, with the rights of your kubeconfig, until Ctrl-C. They change nothing in
    the cluster, and need nothing installed there. All namespaces that you may list are shown, or that of -n.

    \b
    Examples:
      scriptmodel ui
      scriptmodel ui plays-written           # write with a model on this computer
      scriptmodel ui --model thrones         # write with a model of the cluster
      scriptmodel ui -n ml --no-browser      # prints the address only
      ssh -t -L 8080:127.0.0.1:8080 HOST scriptmodel ui --port 8080 --no-browser
    """
    options = ["--port", str(port), *(["--no-browser"] if no_browser else [])]
    if folder:
        become_trainer("ui", [str(_model(folder)), *options], trainer)
    if model:
        _write(session, model, options, trainer)
        return
    try:
        own = session.where()  # its errors come before the address
    except click.ClickException as error:
        here = next(map(str, sorted(Path.cwd().glob("*-written"))), "plays-written")
        raise click.ClickException(
            f"this shows the models of a cluster, and no cluster is known ({error.message}). "
            f"For a model on this computer: scriptmodel ui {Path(here).name}"
        ) from error
    from aiohttp import web  # noqa: PLC0415 - help and completion start faster without

    from scriptmodel_cli.ui.reads import Reads  # noqa: PLC0415 - likewise
    from scriptmodel_cli.ui.server import application  # noqa: PLC0415 - likewise
    from scriptmodel_cli.web.entrance import Entrance  # noqa: PLC0415 - likewise
    from scriptmodel_cli.web.gate import HOST  # noqa: PLC0415 - likewise

    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise InputError(f"cannot listen on {HOST}:{port}: {error.strerror}; choose another --port") from error
    port, entrance = listener.getsockname()[1], Entrance(note)
    entrance.origin = f"http://{HOST}:{port}"
    app = application(Reads(session, own), session.credentials.newest.settings.host, port, entrance)

    async def announce(_app: web.Application) -> None:
        # aiohttp ends in order at SIGINT and SIGTERM; so does it when the terminal is closed.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, signal.raise_signal, signal.SIGTERM)
        say([entrance.address()])
        if not no_browser and click.launch(str(entrance.file())) != 0:
            note("No browser could be started: open the address above.")
        note("Press Ctrl-C to stop.")

    app.on_startup.append(announce)
    with closing(entrance):
        web.run_app(app, sock=listener, access_log=None, print=None, shutdown_timeout=0.5, handler_cancellation=True)


def _write(session: Session, name: str, options: Sequence[str], trainer: Path | None) -> None:
    """Fetch the newest model of a ScriptModel, and serve the writer's page of it until Ctrl-C."""
    program = find_trainer(trainer) / "bin" / TRAINER
    where = ((session.get(name).get("status") or {}).get("lineage") or {}).get("model")
    if not where:
        raise click.ClickException(f"{name} has no model yet: see `scriptmodel why {name}`")
    with tempfile.TemporaryDirectory(prefix="scriptmodel-ui-") as folder:
        with session.engine(f"the model of {name}") as gateway:
            copy_result(gateway, where, Path(folder, name))
        with suppress(KeyboardInterrupt):
            subprocess.run([program, "ui", str(Path(folder, name)), *options], check=False)


def _model(folder: Path) -> Path:
    """Return the folder of a model: the given one, or the one that `write` makes in it."""
    found = next((each for each in (folder, folder / "model") if (each / _MODEL_FILE).is_file()), None)
    if found is None:
        made = f"`scriptmodel write {folder}` trains one in {folder.name}-written"
        what = f"has no model: {made}" if folder.is_dir() else "does not exist"
        raise InputError(f"{folder} {what}")
    return found
