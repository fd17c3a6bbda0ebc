"""The trainer's command lines, exactly as the contract says. Lists, no shell; free text is one `--option=TEXT` word."""

from __future__ import annotations

from pydantic.alias_generators import to_snake

from scriptmodel_operator.api.corpus import Layout
from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.network import Model

PROGRAM = "scriptmodel-trainer"
CORPUS_INPUT = "corpus"
MODEL_INPUT = "model"
SCRIPT_PATH = "/new_script.txt"
GENERATION_PATH = "/generation.json"
METRICS_PATH = "/metrics.json"
TRAINERS_REPETITION_PENALTY = Generation().repetition_penalty
"""The trainer's default, too: it stays out of the command, which pipelines made before there was the field lack."""


def train_command(layout: Layout, model: Model) -> tuple[str, ...]:
    """`scriptmodel-trainer train ...`; overrides are `--set` words with the names in snake case."""
    overrides = model.overrides.model_dump(by_alias=True, exclude_none=True, mode="json")
    settings = [word for key in sorted(overrides) for word in ("--set", f"{to_snake(key)}={overrides[key]}")]
    return (
        *(PROGRAM, "train", "--data", f"/pfs/{CORPUS_INPUT}", "--out", "/pfs/out"),
        *("--layout", layout.value, "--preset", model.preset.value),
        *settings,
        *("--seed", str(model.seed), "--log", "json"),
    )


def generate_command(generation: Generation) -> tuple[str, ...]:
    """`scriptmodel-trainer generate ...`; options that default to nothing, or came later, are left out."""
    optional = []
    if generation.prompt:
        optional.append(f"--prompt={generation.prompt}")
    if generation.speaker:
        optional.append(f"--speaker={generation.speaker}")
    if generation.top_k:
        optional += ["--top-k", str(generation.top_k)]
    if generation.repetition_penalty != TRAINERS_REPETITION_PENALTY:
        optional += ["--repetition-penalty", generation.repetition_penalty]
    if generation.samples > 1:
        optional += ["--samples", str(generation.samples)]
    return (
        *(PROGRAM, "generate", f"/pfs/{MODEL_INPUT}", "--out", f"/pfs/out{SCRIPT_PATH}"),
        *("--words", str(generation.words), "--temperature", generation.temperature),
        *("--top-p", generation.top_p, "--seed", str(generation.seed)),
        *optional,
    )
