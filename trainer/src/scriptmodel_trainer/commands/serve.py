"""The commands serve and ui: one server, with completions of a model for programs, or with pages for the browser."""

import sys
import webbrowser
from contextlib import closing
from pathlib import Path

from scriptmodel_trainer.artifacts.model_directory import load_model, name_of
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.serving.completions import Completions
from scriptmodel_trainer.serving.model_folders import Folder
from scriptmodel_trainer.serving.pages import Pages
from scriptmodel_trainer.serving.server import Address, run
from scriptmodel_trainer.web.entrance import Entrance


def serve(address: Address, model: Path) -> None:
    """Serve completions of a model until the command is stopped."""
    token = address.token()
    loaded = load_model(model)

    def ready(url: str) -> None:
        print(url, flush=True)
        _note(f"base_url of OpenAI's clients is {url}v1; end with Ctrl-C")

    run(address, Completions(name_of(model), loaded).routes(address.base_path), token, ready)


def ui(model: Path, port: int, name: str, no_browser: bool, until_eof: bool) -> None:
    """Show a model directory on this machine until the command is stopped."""
    if not model.is_dir():
        raise BadInputError(f"no such folder: {model}", "give the --out of a train command")
    address, entrance = Address("127.0.0.1", port, "", None, until_eof), Entrance("", _note)

    def ready(url: str) -> None:
        """Print an address that lets a browser in, and open one."""
        entrance.origin = url.removesuffix("/")
        print(entrance.address(), flush=True)
        if not no_browser and sys.stdout.isatty() and webbrowser.open(entrance.file().as_uri()):
            _note("opened in the browser; end with Ctrl-C")

    with closing(entrance):
        run(address, Pages(Folder(model, name or name_of(model)), entrance.pages).routes(), None, ready, entrance)


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
