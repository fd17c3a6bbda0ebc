"""The commands serve and ui: one server, with completions of a model for programs, or a page for the browser."""

import sys
import webbrowser
from contextlib import closing
from pathlib import Path

from scriptmodel_trainer.artifacts.model_directory import load_model, name_of
from scriptmodel_trainer.serving.completions import Completions
from scriptmodel_trainer.serving.pages import Pages
from scriptmodel_trainer.serving.server import run
from scriptmodel_trainer.web.entrance import Entrance


def serve(model: Path, port: int) -> None:
    """Serve completions of a model until the command is stopped."""

    def ready(url: str) -> None:
        print(f"{url}/", flush=True)
        _note(f"base_url of OpenAI's clients is {url}/v1; end with Ctrl-C")

    run(port, Completions(name_of(model), load_model(model)).routes(), ready)


def ui(model: Path, port: int, no_browser: bool) -> None:
    """Show the page of a model on this machine until the command is stopped."""
    load_model(model)  # its errors come before the address
    entrance = Entrance(_note)

    def ready(url: str) -> None:
        """Print an address that lets a browser in, and open one."""
        entrance.origin = url
        print(entrance.address(), flush=True)
        if not no_browser and sys.stdout.isatty() and webbrowser.open(entrance.file().as_uri()):
            _note("opened in the browser; end with Ctrl-C")

    with closing(entrance):
        run(port, Pages(model, entrance.pages).routes(), ready, entrance)


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
