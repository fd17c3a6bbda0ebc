"""The ui command: pages to look at models and to write with them, in the browser."""

import sys
import webbrowser
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.artifacts.model_directory import name_of
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.serving import server
from scriptmodel_trainer.serving.pages import Pages
from scriptmodel_trainer.web.entrance import Entrance


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
    token, entrance = options.token(), Entrance(options.base_path, note)

    def ready(url: str) -> None:
        """Print an address that lets a browser in, and open one."""
        entrance.origin = url.removesuffix(f"{options.base_path}/")
        print(entrance.address(), flush=True)
        if not options.no_browser and sys.stdout.isatty() and webbrowser.open(entrance.file().as_uri()):
            note("opened in the browser; end with Ctrl-C")

    folders = [(options.name or name_of(folder), folder) for folder in options.models]
    bases = [entrance.pages, *([options.base_path] if token else [])]  # a program's requests have no cookie
    with ExitStack() as stack:
        stack.callback(entrance.close)
        pages = [stack.enter_context(closing(Pages(folders, base, options.home))) for base in bases]
        server.run(options, [route for each in pages for route in each.routes()], token, ready, entrance)


def note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
