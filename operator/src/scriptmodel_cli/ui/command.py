"""The command `ui`."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import closing
from pathlib import Path

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.local.programs import trainer_option
from scriptmodel_cli.output import note, say
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session
from scriptmodel_operator.leadership import UNLIMITED


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1 [default: a free one].")
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@trainer_option
@pass_session
def ui(session: Session, port: int, no_browser: bool, trainer: Path | None) -> None:
    """Show ScriptModels in the browser: curves, logs, lineage, scripts, and a box to write with a model.

    The pages are served on this machine only, with the rights of your kubeconfig, until Ctrl-C. They change nothing in
    the cluster, and need nothing installed there. All namespaces that you may list are shown, or that of -n. Only
    writing with a model needs the trainer.

    \b
    Examples:
      scriptmodel ui
      scriptmodel ui -n ml --no-browser      # prints the address only
      ssh -t -L 8080:127.0.0.1:8080 HOST scriptmodel ui --port 8080 --no-browser
    """
    own = session.where()  # its errors come before the address
    from aiohttp import web  # noqa: PLC0415 - help and completion start faster without

    from scriptmodel_cli.ui.reads import Reads  # noqa: PLC0415 - likewise
    from scriptmodel_cli.ui.server import HOST, application  # noqa: PLC0415 - likewise
    from scriptmodel_cli.web.entrance import Entrance  # noqa: PLC0415 - likewise
    from scriptmodel_operator.kube.client import KubeClient  # noqa: PLC0415 - likewise

    try:
        listener = socket.create_server((HOST, port))
    except OSError as error:
        raise InputError(f"cannot listen on {HOST}:{port}: {error.strerror}; choose another --port") from error
    port, entrance = listener.getsockname()[1], Entrance("", note)
    entrance.origin = f"http://{HOST}:{port}"
    reads = Reads(session, KubeClient(session.login, UNLIMITED), own)
    app = application(reads, session.login().server, trainer, port, entrance)

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
