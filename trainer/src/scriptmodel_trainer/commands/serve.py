"""The commands serve and ui: one server, with completions of a model for programs, or with pages for the browser."""

import sys
import webbrowser
from contextlib import closing
from pathlib import Path

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import name_of
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.serving.completions import Completions
from scriptmodel_trainer.serving.pages import Pages
from scriptmodel_trainer.serving.server import Address, run
from scriptmodel_trainer.web.entrance import Entrance


def serve(address: Address, model: Path) -> None:
    """Serve completions of a model until the command is stopped."""
    token = address.token()
    loaded, digest = model_directory.load_model(model), model_directory.content_digest(model)

    def ready(url: str) -> None:
        print(url, flush=True)
        _note(f"base_url of OpenAI's clients is {url}v1; end with Ctrl-C")

    run(address, Completions(name_of(model), digest, loaded).routes(address.base_path), token, ready)


def ui(address: Address, models: list[Path], name: str, home: str, no_browser: bool) -> None:
    """Show model directories until the command is stopped."""
    missing = [folder for folder in models if not folder.is_dir()]
    if missing:
        raise BadInputError(f"no such folder: {missing[0]}", "give the --out of a train command")
    if name and len(models) > 1:
        raise BadInputError("--name names one model", "leave it out: several are called as their folders")
    token, entrance = address.token(), Entrance(address.base_path, _note)

    def ready(url: str) -> None:
        """Print an address that lets a browser in, and open one."""
        entrance.origin = url.removesuffix(f"{address.base_path}/")
        print(entrance.address(), flush=True)
        if not no_browser and sys.stdout.isatty() and webbrowser.open(entrance.file().as_uri()):
            _note("opened in the browser; end with Ctrl-C")

    folders = [(name or name_of(folder), folder) for folder in models]
    bases = [entrance.pages, *([address.base_path] if token else [])]  # a program's requests have no cookie
    with closing(entrance):
        routes = [route for base in bases for route in Pages(folders, base, home).routes()]
        run(address, routes, token, ready, entrance)


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
