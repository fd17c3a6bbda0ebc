"""Builds the trainer's command lines, as lists without a shell; free text is one `--option=TEXT` word."""

from pydantic.alias_generators import to_snake

from scriptmodel_operator.api.corpus import Layout
from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.network import Model
from scriptmodel_operator.engine.values import BASE_INPUT, TRIAL_INPUT

PROGRAM = "scriptmodel-trainer"
CORPUS_INPUT = "corpus"
MODEL_INPUT = "model"
SCRIPT_PATH = "/new_script.txt"
GENERATION_PATH = "/generation.json"
METRICS_PATH = "/metrics.json"
DEFAULTS = Generation()
"""Those of sampling are also the trainer's defaults: these are left out of the command."""


def train_command(layout: Layout, model: Model, *, from_base: bool = False, many: bool = False) -> tuple[str, ...]:
    """Return `scriptmodel-trainer train ...`, or `trial` for one of many runs.

    Overrides are `--set` words with names in snake case.
    """
    what = ("trial", "--trial", f"/pfs/{TRIAL_INPUT}") if many else ("train",)
    seed = () if many else ("--seed", str(model.seed))  # each run has its own
    named = ("--base", model.base) if model.base else ()
    start = ("--from", f"/pfs/{BASE_INPUT}") if from_base else named
    minutes = () if model.minutes is None else ("--minutes", str(model.minutes))
    overrides = model.overrides.model_dump(by_alias=True, exclude_none=True, mode="json")
    settings = [word for key in sorted(overrides) for word in ("--set", f"{to_snake(key)}={_text(overrides[key])}")]
    return (
        *(PROGRAM, *what, "--data", f"/pfs/{CORPUS_INPUT}", "--out", "/pfs/out"),
        *("--layout", layout, "--preset", model.preset),
        *minutes,
        *settings,
        *start,
        *seed,
        *("--log", "json"),
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def generate_command(generation: Generation, continued: str = "") -> tuple[str, ...]:
    """Return `scriptmodel-trainer generate ...`; empty options, and some at their default, are left out.

    `continued` is the text that spec.generation.continue refers to.
    """
    texts = {
        "--prompt": generation.prompt,
        "--speaker": generation.speaker,
        "--cast": ",".join(generation.cast or ()),
        "--scene": generation.scene,
        "--continue-text": continued,
    }
    optional = [f"{option}={text}" for option, text in texts.items() if text]
    for name in ("temperature", "samples"):
        if (value := getattr(generation, name)) != getattr(DEFAULTS, name):
            optional += [f"--{name.replace('_', '-')}", str(value)]
    if generation.continuation and generation.continuation.only_new:
        optional.append("--only-new")
    if generation.copies == "avoid":
        optional.append("--no-copies")
    return (
        *(PROGRAM, "generate", f"/pfs/{MODEL_INPUT}", "--out", f"/pfs/out{SCRIPT_PATH}"),
        *("--words", str(generation.words), "--top-p", generation.top_p, "--seed", str(generation.seed)),
        *optional,
    )
