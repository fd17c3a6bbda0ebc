"""The fingerprint of a training run: which saved state and which finished model belong to the same run."""

from __future__ import annotations

import dataclasses
import hashlib
import json

from scriptmodel_trainer.corpus.layouts import EXACT
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.splitting import SCENES


def run_fingerprint(
    preset: Preset, seed: int, layout: str, corpus: str, base: str | None = None, split: str = SCENES
) -> str:
    """Return the fingerprint of a run on the corpus with that digest, from the base model with that digest if any.

    The precision of `preset` is the one that this machine uses. Settings at their defaults are left out, so that a
    setting added later changes no fingerprint.
    """
    settings = {
        field.name: value
        for field in dataclasses.fields(Preset)
        if (value := getattr(preset, field.name)) != field.default
    }
    if layout == EXACT:  # which spells all words, whatever is set
        settings.pop("subwords", None)
    settings |= {"seed": seed, "layout": layout}
    settings |= ({"from": base} if base else {}) | ({"split": split} if split != SCENES else {})
    return hashlib.sha256(json.dumps([settings, corpus], sort_keys=True).encode()).hexdigest()
