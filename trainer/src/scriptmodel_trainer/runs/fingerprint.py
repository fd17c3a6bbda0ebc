"""Which run it is: a saved state and a finished model belong to the run whose fingerprint they have."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Ids


def run_fingerprint(
    preset: Preset, seed: int, files: str, vocabulary: Vocabulary, splits: Mapping[str, Ids], base: str | None
) -> str:
    """Return the fingerprint of a run: its settings and seed, and the corpus as it is read.

    `files` and `base` are the digests of the corpus and of the base model, if there is one. Another version of a layout
    changes words or numbers. With precision=auto it is that of any machine: a run continues where bfloat16 is not the
    faster one as well.
    """
    words = [vocabulary.words, sorted(vocabulary.speakers), vocabulary.spelled_names, sorted(vocabulary.parts)]
    sizes = [len(ids) for ids in splits.values()]
    digest = hashlib.sha256(json.dumps([dataclasses.asdict(preset), seed, base, files, words, sizes]).encode())
    for ids in splits.values():
        digest.update(ids.tobytes())
    return digest.hexdigest()
