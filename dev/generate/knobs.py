"""The tables of docs/reference/options.md: settings and presets of the trainer, from its classes."""

import json
import subprocess
import sys
from typing import Any

from pydantic.alias_generators import to_camel

from dev.generate import pages
from dev.paths import TRAINER_ENV
from scriptmodel_operator.api.network import Overrides

_PROGRAM = """
import dataclasses, json
from scriptmodel_trainer.model.presets import KEYS, PRESETS, Preset
settings = {
    field.name: [field.default, field.metadata.get("limits") or field.metadata.get("choices")]
    for field in dataclasses.fields(Preset)
    if field.name in KEYS
}
presets = {name: [preset.parameter_count(10_000), preset.epochs] for name, preset in PRESETS.items()}
print(json.dumps([settings, presets]))
"""

SETTINGS = {
    "layers": ("LSTM layers", "`2`: +0.3 %"),
    "hidden_units": ("Units per layer", "`264`: -0.1 %"),
    "embedding_units": ("Width of the word vectors; 0: hidden_units", "`192`: -0.4 %"),
    "batch_size": ("Parallel streams of tokens", "`32`: +1.5 %"),
    "epochs": ("Passes over the corpus, and the length of the schedule", "`10`: -1.8 %"),
    "learning_rate": ("Highest learning rate", "`0.3`: +0.8 %"),
    "dropout": ("Dropout of word vectors and of layers' outputs", "`0`: -0.9 %"),
    "vocabulary_size": ("Words; sub-words spell the others", "`10000`: -4.0 %"),
    "patience": ("Epochs without improvement that end training; 0: none", "ends nothing"),
}
"""What a setting means, and what it did on eight plays (docs/results/presets.md)."""
PRESETS = {
    "auto": "network and settings for the corpus and the minutes: the default",
    "demo": "one small layer, for a script in minutes",
    "small": "as published (Zaremba et al. 2014)",
    "medium": "as published",
    "large": "as published",
    "tuned": "`small`'s size with tied embeddings, variational dropout and one cycle",
    "test": "two units, to check an installation",
}


def filled(page: str) -> str:
    """Return `page` with each table as the trainer is now. Raises SystemExit for a setting without a meaning."""
    done = subprocess.run([TRAINER_ENV / "bin/python", "-c", _PROGRAM], capture_output=True, text=True, check=True)
    settings, presets = json.loads(done.stdout)
    tables = {"settings": _settings(settings), "presets": _presets(presets)}
    return pages.filled(page, tables.__getitem__)


def _settings(found: dict[str, list[Any]]) -> str:
    _require_same("settings", SETTINGS, found)
    rows = []
    for name, (default, limits) in found.items():
        values = "true, false" if isinstance(default, bool) else ", ".join(map(str, limits))
        if isinstance(default, int | float) and not isinstance(default, bool):
            values = f"{limits[0]:g} to {limits[1]:g}"
        override = f"`{to_camel(name)}`" if name in Overrides.model_fields else ""
        rows.append((f"`{name}`", override, json.dumps(default).strip('"'), values, *SETTINGS[name]))
    return pages.table(("setting", "override", "`small`", "values", "meaning", "on eight plays"), rows)


def _presets(found: dict[str, list[Any]]) -> str:
    _require_same("presets", PRESETS, {"auto": None, **found})
    rows = []
    for name, meaning in PRESETS.items():
        weights, epochs = found.get(name, ("", ""))
        rows.append((f"`{name}`", f"{weights:,}" if weights else "", str(epochs), meaning))
    return pages.table(("preset", "weights at 10,000 words", "epochs", "what it is"), rows)


def _require_same(what: str, known: Any, found: Any) -> None:
    if odd := sorted(set(known) ^ set(found)):
        sys.exit(f"{what}: {', '.join(odd)}: say what each is in dev/generate/knobs.py")
