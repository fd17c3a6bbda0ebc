"""The ui command: pages to look at models and to write with them, in the browser."""

from __future__ import annotations

import secrets
import sys
import webbrowser
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.artifacts import name_of
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.serving import server
from scriptmodel_trainer.serving.pages import Pages


@dataclass(frozen=True, slots=True)
class UiOptions(server.Address):
    """The ui command's options."""

    models: list[Path]
    name: str
    home: str
    no_browser: bool


def ui(options: UiOptions) -> None:
    """Show model directories until the command is stopped."""
    missing = [folder for folder in options.models if not folder.is_dir()]
    if missing:
        raise BadInputError(f"no such folder: {missing[0]}", "give the --out of a train command")
    if options.name and len(options.models) > 1:
        raise BadInputError("--name names one model", "leave it out: several are called as their folders")
    given = options.token()
    token = given or secrets.token_urlsafe(24)

    def ready(url: str) -> None:
        """Print the address, with the token if nobody has it yet."""
        link = url if given else f"{url}?token={token}"
        print(link, flush=True)
        if not options.no_browser and sys.stdout.isatty() and webbrowser.open(link):
            print("note: opened in the browser; end with Ctrl-C", file=sys.stderr, flush=True)

    folders = [(options.name or name_of(folder), folder) for folder in options.models]
    with closing(Pages(folders, options.base_path, options.home)) as pages:
        server.run(options, pages.routes(), token, ready)
