"""Runs of a stream of numbers; and what a training compiled is reused in later ones that would compile the same.

That is half of a short training.
"""

import dataclasses
import pickle
from pathlib import Path
from typing import Any

from scriptmodel_trainer.corpus.tokens import DOCUMENT, EOS
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.arrays import Ids
from scriptmodel_trainer.training.checkpoints import Checkpoints
from scriptmodel_trainer.training.options import TrainOptions
from scriptmodel_trainer.training.run import Run

_WORDS = 50
_kept: dict[bytes, tuple[Any, dict[str, Any]]] = {}


def run_of(
    folder: Path, progress: Progress, preset: Preset, stream: Ids, document: int | None = None, **parts: Any
) -> Run:
    """Return a run that trains on, and validates with, a stream of the numbers of 50 words, and saves into a folder."""
    words = tuple({0: EOS, document: DOCUMENT}.get(number, f"word{number}") for number in range(_WORDS))
    options = TrainOptions([], folder / "model", preset_name="small", preset=preset, seed=1, checkpoint_seconds=3600.0)
    splits: Any = {"train": stream, "valid": stream}
    corpus: Any = None
    return Run(options, corpus, Vocabulary(words), splits, "run", Checkpoints(folder, progress), **parts)


def reused(run: Run) -> Any:
    """Return the network and the graphs of the first run that is equal to this one, all variables as at first."""
    from scriptmodel_trainer.training.loop import Compiled  # noqa: PLC0415  # it imports TensorFlow

    preset = dataclasses.replace(run.options.preset, epochs=1, patience=0)  # which the loop reads, and no graph
    parts = len(run.vocabulary), run.vocabulary.first, run.vocabulary.document, run.splits["train"], run.splits["valid"]
    key = pickle.dumps((preset, run.options.seed, parts, run.starts_from, run.letter_ngrams))
    if key not in _kept:
        built = Compiled.of(run)
        _kept[key] = built, built.variables.arrays()
    built, first = _kept[key]
    built.variables.assign(first)
    return built
