"""The serve command: completions of one model over HTTP."""

import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.serving import server
from scriptmodel_trainer.serving.completions import Completions, Limits


@dataclass(frozen=True, slots=True)
class ServeOptions(server.Address):
    """The serve command's options."""

    model: Path
    max_tokens: int
    queue: int


def serve(options: ServeOptions) -> None:
    """Serve a model until the command is stopped."""
    token = options.token()
    for name, value in (("max-tokens", options.max_tokens), ("queue", options.queue)):
        if value < 1:
            raise BadInputError(f"--{name} {value} must be at least 1")
    limits = Limits(words=options.max_tokens, scripts=options.queue)
    model = model_directory.load_model(options.model)
    name, digest = model_directory.name_of(options.model), model_directory.content_digest(options.model)
    with closing(Completions(name, digest, model, limits)) as completions:
        server.run(options, completions.routes(options.base_path), token, ready)


def ready(url: str) -> None:
    """Print where the server listens."""
    print(url, flush=True)
    print(f"note: base_url of OpenAI's clients is {url}v1; end with Ctrl-C", file=sys.stderr, flush=True)
