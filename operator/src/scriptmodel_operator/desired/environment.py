"""Names the environment variables of training. Pure."""

import json
from collections.abc import Iterator

from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.training import Training

REQUEST = "SCRIPTMODEL_REQUEST"
_FEW = 50
"""Words that hold a script whatever its corpus."""


def variables(training: Training, generation: Generation) -> Iterator[tuple[str, str]]:
    """Yield them; the last one is the requested script, which the trainer checks before it trains.

    That is in no digest, so another request repeats only a failed training.
    """
    if training.gpu is not None:
        yield "SCRIPTMODEL_GPU_REQUESTED", "1"
        if training.gpu.required:
            yield "SCRIPTMODEL_GPU_REQUIRED", "1"
    cast = [] if generation.cast == ["any"] else generation.cast
    opening = {"speaker": generation.speaker, "prompt": generation.prompt, "scene": generation.scene, "cast": cast}
    opening = {name: value for name, value in opening.items() if value}
    if opening or generation.words < _FEW:
        yield REQUEST, _without_references(json.dumps({"words": generation.words, "opening": opening}))


def _without_references(text: str) -> str:
    """Escape each `$`: Kubernetes would replace `$(NAME)` by a variable, as Pachyderm's pods have with a password."""
    return text.replace("$", r"\u0024")
