"""Which run it is: a saved state and a finished model belong to the run whose fingerprint they have."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

from scriptmodel_trainer.corpus.layouts import EXACT
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Ids
from scriptmodel_trainer.storage.records import SCENES


def digest_as_read(files: str, vocabulary: Vocabulary, splits: Mapping[str, Ids]) -> str:
    """Return a digest of a corpus as it is read, which another version of a layout changes: files, words, numbers."""
    words = [vocabulary.words, sorted(vocabulary.speakers), vocabulary.spelled_names]
    digest = hashlib.sha256(json.dumps([files, words, [len(ids) for ids in splits.values()]]).encode())
    for ids in splits.values():
        digest.update(ids.tobytes())
    return digest.hexdigest()


def run_fingerprint(
    preset: Preset, seed: int, layout: str, corpus: str, base: str | None = None, split: str = SCENES
) -> str:
    """Return the fingerprint of a run on a corpus, from a base model if there is one, each given by its digest.

    It says which saved state and which finished model belong to the same run. With precision=auto these are of any
    machine: a run continues where bfloat16 is not the faster one as well. Settings at their defaults are left out, so
    that a setting added later changes no fingerprint.
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
