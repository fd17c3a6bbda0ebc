"""The fingerprint of a training run: which saved state and which finished model belong to the same run."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scriptmodel_trainer.corpus.layouts import EXACT
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.records import SCENES

# Settings in the form of version 0.1.0, which listed all it had, at their default or not. Frozen: a later setting
# must not change the fingerprint of an earlier run.
_EARLIER = (
    *("layers", "hidden_units", "embedding_units", "steps", "batch_size", "epochs", "full_rate_epochs"),
    *("learning_rate", "learning_rate_decay", "dropout", "word_dropout", "output_dropout", "initial_range"),
    *("lstm_initial_range", "forget_bias", "clip_norm", "vocabulary_size", "tied_embeddings", "variational_dropout"),
    *("weight_decay", "optimizer", "adam_beta2", "schedule", "warm_up", "precision"),
)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """`current` identifies a run; `earlier` are the forms that older versions wrote for the same run.

    `unresolved` is the older form of a run with precision=auto. It does not say which precision was used.
    """

    current: str
    earlier: frozenset[str] = frozenset()
    unresolved: str | None = None

    def accepts(self, fingerprint: object) -> bool:
        """True for any form of this run's fingerprint."""
        known = {self.current, self.unresolved or self.current, *self.earlier}
        return isinstance(fingerprint, str) and fingerprint in known


def fingerprints_of(
    requested: Preset,
    resolved: Preset,
    seed: int,
    layout: str,
    corpus: str,
    base: str | None = None,
    split: str = SCENES,
) -> Fingerprints:
    """Fingerprints of a run on the corpus with that digest, from the base model with that digest if there is one.

    `requested` may have precision=auto, `resolved` has the precision that this machine uses for it.
    """
    later = {**({"from": base} if base else {}), **({"split": split} if split != SCENES else {})}
    others = {"seed": seed, "layout": layout, **later}
    changed = {
        field.name: value
        for field in dataclasses.fields(Preset)
        if (value := getattr(resolved, field.name)) != field.default
    }
    if layout == EXACT:  # which spells all words, whatever is set
        changed.pop("subwords", None)
    current = _digest({**changed, **others}, corpus)
    if later or changed.keys() - set(_EARLIER):  # an older version did not have such a setting
        return Fingerprints(current)

    def earlier(preset: Preset) -> str:
        return _digest({**{name: getattr(preset, name) for name in _EARLIER}, **others}, corpus)

    unresolved = earlier(requested) if requested.precision == "auto" else None
    return Fingerprints(current, frozenset([earlier(resolved)]), unresolved)


def _digest(settings: Mapping[str, Any], corpus: str) -> str:
    return hashlib.sha256(json.dumps([settings, corpus], sort_keys=True).encode()).hexdigest()
